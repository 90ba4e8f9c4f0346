import Policy
import Routing
import Testing

@testable import HTTPProxy

@Suite struct RequestGateTests {
  private let alice = VisitorKey(nil, address: "192.0.2.1")
  private let bob = VisitorKey(nil, address: "192.0.2.2")
  private let second: UInt64 = 1_000_000_000

  private func gate(_ change: (inout RequestLimits) -> Void) -> RequestGate {
    var limits = RequestLimits()
    change(&limits)
    return RequestGate(limits)
  }

  @Test func aRateIsSoManyAtOnceAndThenSoManyASecond() {
    let gate = gate { $0.visitor.rate = RequestRate(count: 2, period: second, burst: 4) }
    let start = 100 * second
    for _ in 0..<4 { #expect(gate.enter(alice, now: start).verdict == .admitted) }
    #expect(gate.enter(alice, now: start).verdict == .visitorIsFast(retryAfter: 1))
    #expect(gate.enter(bob, now: start).verdict == .admitted)
    #expect(gate.enter(alice, now: start + second / 2).verdict == .admitted)
    #expect(gate.enter(alice, now: start + second / 2).verdict == .visitorIsFast(retryAfter: 1))
    // What was refused is not paid for, and a long pause earns no more than the burst.
    for _ in 0..<4 { #expect(gate.enter(alice, now: start + 60 * second).verdict == .admitted) }
    #expect(gate.enter(alice, now: start + 60 * second).verdict == .visitorIsFast(retryAfter: 1))
  }

  @Test func theTimeToWaitIsTold() {
    let gate = gate { $0.visitor.rate = RequestRate(count: 1, period: 60 * second, burst: 1) }
    #expect(gate.enter(alice, now: second).verdict == .admitted)
    #expect(gate.enter(alice, now: 11 * second).verdict == .visitorIsFast(retryAfter: 50))
    #expect(gate.enter(alice, now: 61 * second).verdict == .admitted)
  }

  @Test func whatIsUnderWayIsCountedUntilItEnds() {
    let gate = gate { $0.visitor.concurrent = 2 }
    let first = gate.enter(alice, now: 0)
    _ = gate.enter(alice, now: 0)
    #expect(gate.enter(alice, now: 0).verdict == .visitorHasTooMany)
    #expect(gate.enter(bob, now: 0).verdict == .admitted)
    gate.leave(first.seat)
    #expect(gate.enter(alice, now: 0).verdict == .admitted)
  }

  @Test func allVisitorsTogether() {
    let gate = gate {
      $0.route.concurrent = 2
      $0.route.rate = RequestRate(count: 1, period: 10 * second, burst: 3)
    }
    let first = gate.enter(alice, now: second)
    _ = gate.enter(bob, now: second)
    #expect(gate.enter(alice, now: second).verdict == .routeIsBusy(retryAfter: 1))
    gate.leave(first.seat)
    #expect(gate.enter(alice, now: second).verdict == .admitted)
    gate.leave(first.seat)
    #expect(gate.enter(alice, now: second).verdict == .routeIsBusy(retryAfter: 10))
    #expect(gate.rememberedVisitors == 0)
  }

  /// Whoever has many addresses must not make us remember them all, and must not shut out those who are known.
  @Test func theTableIsBounded() {
    var limits = RequestLimits()
    limits.visitor.rate = RequestRate(count: 1, period: second, burst: 1)
    let gate = RequestGate(limits, mostVisitors: 100)
    func ask(_ visitor: VisitorKey, at now: UInt64) -> RequestGate.Verdict {
      let (verdict, seat) = gate.enter(visitor, now: now)
      if verdict == .admitted { gate.leave(seat) }
      return verdict
    }
    #expect(ask(alice, at: second) == .admitted)
    for number in 0..<110 { _ = ask(VisitorKey(nil, address: "2001:db8:0:\(number)::1"), at: second) }
    #expect(gate.rememberedVisitors == 101)
    #expect(ask(alice, at: second) == .visitorIsFast(retryAfter: 1))
    // Strangers share a place until there is room again.
    #expect(ask(bob, at: second) == .visitorIsFast(retryAfter: 1))
    #expect(ask(bob, at: 4 * second) == .admitted)
    #expect(gate.rememberedVisitors == 1)
  }

  @Test func anIPv6CustomerIsOneVisitor() {
    #expect(VisitorKey(nil, address: "2001:db8::1") == VisitorKey(nil, address: "2001:db8::ffff:1"))
    #expect(VisitorKey(nil, address: "2001:db8::1") != VisitorKey(nil, address: "2001:db8:0:1::1"))
    #expect(VisitorKey(nil, address: "unknown") == .others)
    let subject = TestIdentity.session("alice").subject
    #expect(VisitorKey(subject, address: "192.0.2.1") == VisitorKey(subject, address: "192.0.2.2"))
  }

  @Test func hugeRatesDoNotOverflow() {
    let rate = RequestRate(count: 0, period: .max, burst: .max)
    #expect(rate.credit > 0)
    let gate = gate { $0.visitor.rate = rate }
    #expect(gate.enter(alice, now: .max).verdict == .admitted)
    _ = gate.enter(alice, now: .max)
  }

  @Test func changedLimitsKeepTheCount() throws {
    let gates = RequestGates()
    func route(_ most: Int) throws -> Route { try TestEdge.route { $0.limits.visitor.concurrent = most } }
    #expect(gates.gate(of: try route(0)) == nil)
    let gate = try #require(gates.gate(of: try route(1)))
    _ = gate.enter(alice, now: 0)
    #expect(try gates.gate(of: route(2)) === gate)
    #expect(gate.enter(alice, now: 0).verdict == .admitted)
    #expect(gate.enter(alice, now: 0).verdict == .visitorHasTooMany)
    gates.keepOnly(RouteTable(routes: [], generation: 2))
    #expect(try gates.gate(of: route(1)) !== gate)
  }
}
