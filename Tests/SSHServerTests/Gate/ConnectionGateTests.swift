import Policy
import SSHProtocol
import Testing

@testable import SSHServer

struct StartupOddsTests {
  private let limits = SSHServerConfiguration.MaxStartups(start: 100, rate: 30, full: 200)

  @Test(arguments: [(0, 0), (99, 0), (100, 30), (150, 65), (199, 99), (200, 100), (5000, 100)])
  func theOddsRiseFromStartToFull(_ count: Int, _ percent: Int) {
    #expect(limits.refusedPercent(count: count) == percent)
  }
}

/// Places for connections that have proved no key.
struct ConnectionGateTests {
  private func fixture(start: Int, rate: Int = 100, full: Int, perSource: Int = 0) -> GateFixture {
    GateFixture {
      $0.maxStartups = .init(start: start, rate: rate, full: full)
      $0.sources.maxStartups = perSource
    }
  }

  @Test func whoLeavesMakesRoom() {
    let fixture = fixture(start: 2, full: 2)
    var first = fixture.come("192.0.2.1")
    #expect(fixture.come("192.0.2.2") != nil)
    #expect(fixture.refusal("192.0.2.3") == .startups)
    _ = first.map { ticket in
      var ticket = ticket
      _ = fixture.gate.leave(&ticket, nil)
      // Twice is once.
      _ = fixture.gate.leave(&ticket, nil)
    }
    first = nil
    #expect(fixture.come("192.0.2.3") != nil)
    #expect(fixture.refusal("192.0.2.4") == .startups)
  }

  @Test func luckDecidesBetweenStartAndFull() throws {
    let fixture = fixture(start: 1, rate: 50, full: 10)
    #expect(fixture.come("192.0.2.1") != nil)
    fixture.draw(49)
    #expect(fixture.refusal("192.0.2.2") == .startups)
    fixture.draw(50)
    #expect(fixture.come("192.0.2.2") != nil)
  }

  @Test func aSignInThatWaitsHoldsNoPlace() throws {
    let fixture = fixture(start: 1, full: 1)
    var ticket = try #require(fixture.come("192.0.2.1"))
    #expect(fixture.refusal("192.0.2.2") == .startups)
    fixture.gate.beganSignIn(&ticket)
    #expect(fixture.gate.counts.waiting == 0)
    #expect(fixture.come("192.0.2.2") != nil)
    // Given up, it counts again, without being refused.
    fixture.gate.gaveUpSignIn(&ticket, ConnectionHandle(id: "x", eventLoop: fixture.loop))
    #expect(fixture.gate.counts.waiting == 2)
  }

  @Test func whoHadTheirTimeMakesRoomForOthers() throws {
    let fixture = fixture(start: 2, full: 2)
    #expect(fixture.come("192.0.2.1") != nil)
    var typing = try #require(fixture.come("192.0.2.2"))
    fixture.gate.exchangedKeys(&typing)
    fixture.pass(9.9)
    #expect(fixture.refusal("192.0.2.3") == .startups)
    fixture.pass(0.2)
    // The one without keys goes; the person who reads or types has longer.
    #expect(fixture.come("192.0.2.3") != nil)
    #expect(fixture.gate.counts.refused[.madeRoom] == 1)
    #expect(fixture.refusal("192.0.2.4") == .startups)
    fixture.pass(20)
    #expect(fixture.come("192.0.2.4") != nil)
    #expect(fixture.come("192.0.2.5") != nil)
    #expect(fixture.gate.counts.waiting == 2)
  }

  @Test func aKnownSourceHasPlacesInReserve() throws {
    let fixture = fixture(start: 2, full: 4)
    var person = try #require(fixture.signIn("203.0.113.9"))
    _ = fixture.gate.leave(&person, nil)
    for number in 1...4 { _ = fixture.come("192.0.2.\(number)") }
    fixture.draw(0)
    #expect(fixture.refusal("192.0.2.5") == .startups)
    #expect(fixture.come("203.0.113.9") != nil)
  }

  // MARK: One source

  @Test func oneSourceHasItsShareOfPlaces() {
    let fixture = fixture(start: 100, full: 200, perSource: 2)
    #expect(fixture.come("192.0.2.1") != nil && fixture.come("192.0.2.1") != nil)
    #expect(fixture.refusal("192.0.2.1") == .sourceStartups)
    #expect(fixture.refusal("::ffff:192.0.2.1") == .sourceStartups)
    #expect(fixture.come("192.0.2.2") != nil)
    fixture.pass(11)
    // A neighbour who sits on all places of a shared address does not keep the others out.
    #expect(fixture.come("192.0.2.1") != nil)
    #expect(fixture.refusal("192.0.2.2") == nil)
  }

  @Test func anIPv6CustomerIsOneSource() {
    let fixture = fixture(start: 100, full: 200, perSource: 1)
    #expect(fixture.come("2001:db8:1:2::1") != nil)
    #expect(fixture.refusal("2001:db8:1:2:ffff::9") == .sourceStartups)
    #expect(fixture.come("2001:db8:1:3::1") != nil)
  }

  @Test func exemptSourcesAreNotCounted() {
    let fixture = fixture(start: 100, full: 200, perSource: 1)
    for _ in 0..<10 { #expect(fixture.come("127.0.0.1") != nil && fixture.come("::1") != nil) }
  }

  // MARK: One person

  @Test func onePersonHasAsManyConnectionsAsAllowed() throws {
    let fixture = GateFixture { $0.maxConnectionsPerPerson = 2 }
    var first = try #require(fixture.signIn("192.0.2.1"))
    #expect(fixture.signIn("192.0.2.2") != nil)
    #expect(fixture.signIn("192.0.2.3") == nil)
    #expect(fixture.signIn("192.0.2.3", as: "bob") != nil)
    #expect(fixture.gate.counts.signedIn == 3)
    _ = fixture.gate.leave(&first, nil)
    #expect(fixture.signIn("192.0.2.3") != nil)
    #expect(fixture.gate.counts.waiting == 0)
  }

  @Test func aManyTimesFullGateForgetsNothingAndKeepsNothing() {
    let fixture = fixture(start: 50, full: 50, perSource: 5)
    for round in 0..<200 {
      for number in 0..<40 { _ = fixture.come("192.0.2.\(number)") }
      fixture.pass(round % 2 == 0 ? 11 : 0.1)
    }
    #expect(fixture.gate.counts.waiting <= 50)
    let counts = fixture.gate.counts
    #expect(counts.admitted - (counts.refused[.madeRoom] ?? 0) == UInt64(counts.waiting))
  }
}
