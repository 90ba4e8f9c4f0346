import Policy
import Testing

@testable import Routing

/// The choice of a tunnel by a route's own policy, and by health.
struct TunnelChoiceTests {
  private let registry = TunnelRegistry { UnixTime(seconds: 1000) }
  private let a = RouteID("a")

  private func bind(_ owner: String, _ connection: String, isShared: Bool = false) throws -> Binding {
    let result = registry.bind(
      BindingRequest(
        routeID: a, name: pattern("a.example"), isShared: isShared, requestedHost: "a.example", requestedPort: 443,
        owner: person(owner), connectionID: connection, opener: NoOpener(), probe: {}))
    guard case .bound(let binding) = result else { throw StreamOpenFailure.notPermitted }
    // Others of the same person count as doubtful until they have proved that they live.
    for known in registry.bindings() { registry.confirm(connectionID: known.connectionID) }
    return binding
  }

  private func picked(
    _ policy: BalancePolicy?, _ session: String = "s", panic: Int = 50, excluding: Set<BindingID> = []
  ) -> BindingID? {
    let pick = registry.pick(
      route: a, host: host("a.example"), sessionID: session, choice: .init(policy: policy, panicThreshold: panic),
      excluding: excluding)
    if case .binding(let binding) = pick { return binding.id }
    return nil
  }

  @Test(arguments: [BalancePolicy.ringHash, .maglev])
  func `a visitor stays with a tunnel, also when it was lost and came back`(_ policy: BalancePolicy) throws {
    var tunnels = try ["1", "2", "3", "4"].map { try bind("ann", $0) }
    let sessions = (0..<400).map { "session-\($0)" }
    let before = sessions.map { picked(policy, $0) }
    #expect(before == sessions.map { picked(policy, $0) })
    #expect(Set(before).count == 4)
    let lost = tunnels.remove(at: 1)
    registry.release(lost.id, why: .connectionLost)
    let without = sessions.map { picked(policy, $0) }
    #expect(!without.contains(lost.id))
    let moved = zip(before, without).count { $0 != $1 && $0 != lost.id }
    #expect(policy == .ringHash ? moved == 0 : moved < sessions.count / 5, "\(moved)")
    // It takes the place that was left: its visitors are with it again.
    let back = try bind("ann", "5")
    let after = sessions.map { picked(policy, $0) }
    #expect(zip(before, after).allSatisfy { ($0 == lost.id ? back.id : $0) == $1 })
    #expect(picked(policy, "session-1", excluding: [try #require(before[1])]) != before[1])
  }

  @Test func `a route's own policy comes before that of all tunnels`() throws {
    var configuration = TunnelRegistryConfiguration()
    configuration.balance = .failover
    registry.configure(configuration)
    let tunnels = try ["1", "2", "3"].map { try bind("ann", $0).id }
    #expect(Set((0..<9).map { _ in picked(nil) }) == [tunnels[0]])
    #expect(Set((0..<9).map { _ in picked(.roundRobin) }) == Set(tunnels))
    #expect(Set((0..<200).map { _ in picked(.random) }) == Set(tunnels))
  }

  @Test(arguments: [BalancePolicy.roundRobin, .leastRequest, .random, .ringHash, .maglev, .failover])
  func `unhealthy tunnels leave the choice and come back`(_ policy: BalancePolicy) throws {
    let tunnels = try ["1", "2", "3"].map { try bind("ann", $0) }
    tunnels[0].health.set(.unhealthy, reason: "500")
    let sessions = (0..<60).map { "session-\($0)" }
    #expect(sessions.allSatisfy { picked(policy, $0) != tunnels[0].id })
    tunnels[0].health.set(.healthy)
    #expect(tunnels[0].health.reason.isEmpty)
    #expect(sessions.contains { picked(policy, $0) == tunnels[0].id })
    for tunnel in tunnels.dropFirst() { tunnel.health.set(.unhealthy) }
    // One of three could not carry it all.
    if policy != .failover {
      #expect(sessions.contains { picked(policy, $0) == tunnels[1].id || picked(policy, $0) == tunnels[2].id })
    }
    #expect(sessions.allSatisfy { picked(policy, $0, panic: 0) == tunnels[0].id })
  }

  @Test func `without a healthy tunnel the reason is told where panic is off`() throws {
    let only = try bind("ann", "1")
    only.health.set(.unhealthy)
    #expect(picked(nil) == only.id)
    guard
      case .none(.unhealthy) = registry.pick(
        route: a, host: host("a.example"), choice: .init(panicThreshold: 0))
    else { return fail("another answer") }
    only.health.set(.unknown)
    #expect(picked(nil, panic: 0) == only.id)
  }

  @Test func `of several people's tunnels the unhealthy one's visitors go to another person`() throws {
    let ann = try bind("ann", "1", isShared: true)
    let bob = try bind("bob", "2", isShared: true)
    let sessions = (0..<40).map { "session-\($0)" }
    let before = sessions.map { picked(nil, $0) }
    #expect(Set(before) == [ann.id, bob.id])
    ann.health.set(.unhealthy)
    #expect(sessions.allSatisfy { picked(nil, $0) == bob.id })
    ann.health.set(.healthy)
    #expect(sessions.map { picked(nil, $0) } == before)
  }
}
