import NIOCore
import NIOEmbedded
import Policy
import Synchronization
import TestSupport
import Testing

@testable import Routing

struct TunnelRegistryTests {
  private let clock = TestClock()
  private let registry: TunnelRegistry
  private let a = RouteID("a")

  init() {
    let clock = clock
    registry = TunnelRegistry { clock.now }
  }

  private func request(
    _ owner: Subject, connection: String, name: String = "a.example", isShared: Bool = false,
    probe: @escaping @Sendable () -> Void = {}
  ) -> BindingRequest {
    BindingRequest(
      routeID: a, name: pattern(name), isShared: isShared, requestedHost: name, requestedPort: 443, owner: owner,
      connectionID: connection, opener: NoOpener(), probe: probe)
  }

  private func bound(_ result: BindingResult) throws -> Binding {
    guard case .bound(let binding) = result else {
      Issue.record("refused: \(result)")
      throw StreamOpenFailure.notPermitted
    }
    return binding
  }

  private func refusal(_ result: BindingResult) -> BindingRefusal? {
    if case .refused(let refusal) = result { return refusal }
    return nil
  }

  private func picked(_ name: String = "a.example", session: String? = nil, excluding: Set<BindingID> = [])
    -> BindingID?
  {
    if case .binding(let binding) = registry.pick(
      route: a, host: host(name), sessionID: session, excluding: excluding)
    {
      return binding.id
    }
    return nil
  }

  private func reason(_ name: String = "a.example") -> NoTunnelReason? {
    if case .none(let reason) = registry.pick(route: a, host: host(name)) { return reason }
    return nil
  }

  @Test func aRouteBelongsToOnePersonAtATime() throws {
    let binding = try bound(registry.bind(request(person("ann"), connection: "1")))
    #expect(
      refusal(registry.bind(request(person("bob"), connection: "2"))) == .heldByAnother(displayName: "ann@example.com"))
    _ = try bound(registry.bind(request(person("ann", session: "other"), connection: "3")))
    #expect(refusal(registry.bind(request(person("ann"), connection: "1"))) == .duplicate)
    #expect(binding.state == .attached)
  }

  @Test func aLostConnectionKeepsTheNameForAWhile() throws {
    let binding = try bound(registry.bind(request(person("ann"), connection: "1")))
    registry.release(binding.id, why: .connectionLost)
    #expect(reason() == .reconnecting)
    #expect(refusal(registry.bind(request(person("bob"), connection: "2"))) != nil)
    clock.advance(seconds: 11)
    #expect(reason() == .neverConnected)
    _ = try bound(registry.bind(request(person("bob"), connection: "2")))
  }

  @Test(arguments: [BindingRelease.disconnected, .cancelled])
  func aGoodbyeFreesTheNameAtOnce(_ why: BindingRelease) throws {
    let binding = try bound(registry.bind(request(person("ann"), connection: "1")))
    registry.release(binding.id, why: why)
    #expect(reason() == .neverConnected)
    _ = try bound(registry.bind(request(person("bob"), connection: "2")))
  }

  @Test func aDetachedBindingHoldsNothing() throws {
    let ann = try bound(registry.bind(request(person("ann"), connection: "1")))
    #expect(registry.setState(ann.id, .detached(.notPermitted)) == .detached(.notPermitted))
    #expect(reason() == .detached(ownerDisplayName: "ann@example.com"))
    let bob = try bound(registry.bind(request(person("bob"), connection: "2")))
    #expect(registry.setState(ann.id, .attached) == .detached(.heldByAnother))
    registry.release(bob.id, why: .disconnected)
    #expect(registry.setState(ann.id, .attached) == .attached)
    #expect(picked() == ann.id)
    // A connection lost while detached leaves no lease.
    registry.setState(ann.id, .detached(.notPermitted))
    registry.release(ann.id, why: .connectionLost)
    #expect(reason() == .neverConnected)
  }

  @Test func namesUnderOneWildcardAreLeasedOneByOne() throws {
    _ = try bound(registry.bind(request(person("ann"), connection: "1", name: "ann.dev.example")))
    let bob = try bound(registry.bind(request(person("bob"), connection: "2", name: "bob.dev.example")))
    #expect(picked("bob.dev.example") == bob.id)
    #expect(reason("eve.dev.example") == .neverConnected)
    #expect(refusal(registry.bind(request(person("bob"), connection: "3", name: "*.dev.example"))) != nil)
  }

  @Test func theConcreteNameBeatsTheWildcardOfTheSamePerson() throws {
    let wide = try bound(registry.bind(request(person("ann"), connection: "1", name: "*.dev.example")))
    let narrow = try bound(registry.bind(request(person("ann"), connection: "2", name: "x.dev.example")))
    #expect(picked("x.dev.example") == narrow.id)
    #expect(picked("y.dev.example") == wide.id)
  }

  @Test func roundRobinGoesRoundAndExcludedOnesAreLeftOut() throws {
    let first = try bound(registry.bind(request(person("ann"), connection: "1")))
    let second = try bound(registry.bind(request(person("ann"), connection: "2")))
    registry.confirm(connectionID: "1")
    let picks = (0..<4).map { _ in picked() }
    #expect(Set(picks.prefix(2)) == [first.id, second.id])
    #expect(picks.prefix(2) == picks.suffix(2))
    #expect(picked(excluding: [first.id]) == second.id)
    #expect(picked(excluding: [first.id, second.id]) == nil)
  }

  @Test func failoverKeepsToTheOldest() throws {
    var configuration = TunnelRegistryConfiguration()
    configuration.balance = .failover
    registry.configure(configuration)
    let first = try bound(registry.bind(request(person("ann"), connection: "1")))
    let second = try bound(registry.bind(request(person("ann"), connection: "2")))
    registry.confirm(connectionID: "1")
    #expect((0..<3).allSatisfy { _ in picked() == first.id })
    registry.release(first.id, why: .disconnected)
    #expect(picked() == second.id)
  }

  @Test func leastRequestPrefersTheIdleOne() throws {
    var configuration = TunnelRegistryConfiguration()
    configuration.balance = .leastRequest
    registry.configure(configuration)
    let first = try bound(registry.bind(request(person("ann"), connection: "1")))
    let second = try bound(registry.bind(request(person("ann"), connection: "2")))
    registry.confirm(connectionID: "1")
    // What waits in a pool is not at work.
    second.counters.streamOpened()
    first.counters.requestBegan()
    #expect((0..<4).allSatisfy { _ in picked() == second.id })
    second.counters.requestBegan()
    second.counters.requestBegan()
    #expect(picked() == first.id)
    second.counters.requestEnded()
    // Equals take turns.
    #expect(Set((0..<2).map { _ in picked() }) == [first.id, second.id])
  }

  @Test func aSecondBindingOfTheSamePersonHasTheFirstProbedAndIsPreferred() throws {
    let probes = Counter()
    let first = try bound(registry.bind(request(person("ann"), connection: "1", probe: { probes.increment() })))
    let second = try bound(registry.bind(request(person("ann"), connection: "2")))
    #expect(probes.value == 1)
    #expect((0..<4).allSatisfy { _ in picked() == second.id })
    registry.confirm(connectionID: "1")
    #expect((0..<4).contains { _ in picked() == first.id })
  }

  @Test func onASharedRouteASessionStaysWithOnePublisher() throws {
    for name in ["ann", "bob", "eve"] {
      _ = try bound(registry.bind(request(person(name), connection: name, isShared: true)))
    }
    for session in ["s1", "s2", "s3", "s4"] {
      let first = picked(session: session)
      #expect((0..<5).allSatisfy { _ in picked(session: session) == first })
    }
  }

  /// Security rule 1: a retried request goes to the same person or to nobody.
  @Test func onASharedRouteARefusedRequestDoesNotGoToAnotherPublisher() throws {
    var owners: [BindingID: String] = [:]
    for name in ["ann", "bob", "eve"] {
      for connection in ["1", "2"] {
        let binding = try bound(registry.bind(request(person(name), connection: name + connection, isShared: true)))
        registry.confirm(connectionID: name + "1")
        owners[binding.id] = name
      }
    }
    for session in ["s1", "s2", "s3", "s4"] {
      let first = try #require(picked(session: session))
      let second = try #require(picked(session: session, excluding: [first]))
      #expect(owners[second] == owners[first] && second != first)
      #expect(picked(session: session, excluding: [first, second]) == nil)
    }
  }

  @Test func oneConnectionHoldsABoundedNumber() throws {
    var configuration = TunnelRegistryConfiguration()
    configuration.bindingsPerConnection = 2
    registry.configure(configuration)
    _ = try bound(registry.bind(request(person("ann"), connection: "1", name: "a.example")))
    _ = try bound(registry.bind(request(person("ann"), connection: "1", name: "b.example")))
    #expect(refusal(registry.bind(request(person("ann"), connection: "1", name: "c.example"))) == .limit(2))
  }
}

/// Waiting for a tunnel that was lost a moment ago (security rule 26).
struct ParkedRequestTests {
  private let clock = TestClock()
  private let registry: TunnelRegistry
  private let loop = EmbeddedEventLoop()
  private let a = RouteID("a")

  init() {
    let clock = clock
    registry = TunnelRegistry { clock.now }
  }

  private func bind(_ owner: Subject, _ connection: String) -> BindingResult {
    defer { loop.run() }
    return registry.bind(
      BindingRequest(
        routeID: a, name: pattern("a.example"), isShared: false, requestedHost: "a.example", requestedPort: 443,
        owner: owner, connectionID: connection, opener: NoOpener(), probe: {}))
  }

  @Test func whoBindsIsDoneBeforeAnybodyComes() throws {
    lose()
    let outcome = Mutex<String?>(nil)
    waiting(session: "s").result.whenSuccess { result in
      if case .binding(let binding) = result { outcome.withLock { $0 = binding.connectionID } }
    }
    let request = BindingRequest(
      routeID: a, name: pattern("a.example"), isShared: false, requestedHost: "a.example", requestedPort: 443,
      owner: person("ann"), connectionID: "2", opener: NoOpener(), probe: {})
    _ = registry.bind(request)
    #expect(outcome.withLock { $0 } == nil)
    loop.run()
    #expect(outcome.withLock { $0 } == "2")
  }

  private func lose() {
    if case .bound(let binding) = bind(person("ann"), "1") { registry.release(binding.id, why: .connectionLost) }
  }

  private func wait(session: String?, address: String = "192.0.2.1") -> EventLoopFuture<Binding?> {
    waiting(session: session, address: address).result.map { result in
      guard case .binding(let binding) = result else { return nil }
      return binding
    }
  }

  private func waiting(session: String?, address: String = "192.0.2.1") -> TunnelWaiting {
    registry.whenAvailable(
      TunnelWait(routeID: a, host: host("a.example"), sessionID: session, address: address), on: loop)
  }

  @Test func aRequestIsReleasedWhenTheOwnerReturns() throws {
    lose()
    let future = wait(session: "s")
    _ = bind(person("ann"), "2")
    #expect(try future.wait()?.connectionID == "2")
  }

  @Test func nobodyWaitsWhereNothingWasLost() throws {
    #expect(try wait(session: "s").wait() == nil)
    guard case .bound(let binding) = bind(person("ann"), "1") else { return }
    #expect(try wait(session: "s").wait()?.id == binding.id)
    registry.setState(binding.id, .detached(.notPermitted))
    #expect(try wait(session: "s").wait() == nil)
    registry.release(binding.id, why: .disconnected)
    #expect(try wait(session: "s").wait() == nil)
  }

  @Test func waitingEndsWithTheGrace() throws {
    lose()
    let future = wait(session: "s")
    loop.advanceTime(by: .seconds(11))
    #expect(try future.wait() == nil)
  }

  @Test func aSessionAnAddressAndARouteHaveLimits() throws {
    lose()
    let perSession = (0..<5).map { _ in wait(session: "s") }
    #expect(try perSession[4].wait() == nil)
    let perAddress = (0..<3).map { _ in wait(session: nil) }
    #expect(try perAddress[2].wait() == nil)
    // Who has a whole block of addresses has no more places.
    let perBlock = (1..<4).map { wait(session: nil, address: "2001:db8::\($0)") }
    #expect(try perBlock[2].wait() == nil)
    let others = (0..<57).map { wait(session: "other-\($0)") }
    #expect(try others[56].wait() == nil)
    _ = bind(person("ann"), "2")
    for future in perSession.prefix(4) + perAddress.prefix(2) + perBlock.prefix(2) + others.prefix(56) {
      #expect(try future.wait() != nil)
    }
  }

  @Test func `who does not want to wait gives the place back at once`() throws {
    lose()
    let four = (0..<4).map { _ in waiting(session: "s") }
    #expect(registry.parkedCount == 4)
    #expect(try wait(session: "s").wait() == nil)
    four[1].cancel()
    four[1].cancel()
    guard case .cancelled = try four[1].result.wait() else { return fail("not cancelled") }
    #expect(registry.parkedCount == 3)
    let late = wait(session: "s")
    _ = bind(person("ann"), "2")
    #expect(try late.wait()?.connectionID == "2")
    #expect(registry.parkedCount == 0)
    four[0].cancel()
  }

  @Test func `all routes together have a limit, told apart from a grace that ended`() throws {
    var configuration = TunnelRegistryConfiguration()
    configuration.parkedInAll = 3
    registry.configure(configuration)
    lose()
    let waiting = (0..<4).map { self.waiting(session: "s\($0)") }
    guard case .tooMany = try waiting[3].result.wait() else { return fail("not refused") }
    loop.advanceTime(by: .seconds(11))
    guard case .graceOver = try waiting[0].result.wait() else { return fail("not over") }
    #expect(registry.parkedCount == 0)
  }

  @Test func `a route has its own grace`() throws {
    var configuration = TunnelRegistryConfiguration()
    configuration.routeGraces[a] = 500
    registry.configure(configuration)
    lose()
    let future = waiting(session: "s").result
    loop.advanceTime(by: .milliseconds(400))
    #expect(registry.parkedCount == 1)
    loop.advanceTime(by: .milliseconds(200))
    guard case .graceOver = try future.wait() else { return fail("not over") }
    configuration.routeGraces[a] = 0
    registry.configure(configuration)
    lose()
    guard case .nothingToWaitFor = try waiting(session: "s").result.wait() else { return fail("waits") }
  }

  @Test func `nobody waits for who may publish no longer, or has signed out`() throws {
    let isAllowed = Mutex(true)
    func lose(_ session: String) {
      var request = BindingRequest(
        routeID: a, name: pattern("a.example"), isShared: false, requestedHost: "a.example", requestedPort: 443,
        owner: person("ann", session: session), connectionID: session, opener: NoOpener(), probe: {})
      request.isStillAllowed = { isAllowed.withLock { $0 } }
      if case .bound(let binding) = registry.bind(request) { registry.release(binding.id, why: .connectionLost) }
    }
    lose("one")
    let first = waiting(session: "s").result
    registry.reviewLeases()
    #expect(registry.parkedCount == 1)
    isAllowed.withLock { $0 = false }
    registry.reviewLeases()
    guard case .nothingToWaitFor = try first.wait() else { return fail("still waits") }
    isAllowed.withLock { $0 = true }
    lose("two")
    let second = waiting(session: "s").result
    registry.reviewLeases(endedSession: "one")
    #expect(registry.parkedCount == 1)
    registry.reviewLeases(endedSession: "two")
    guard case .nothingToWaitFor = try second.wait() else { return fail("still waits") }
    // The name is free for others.
    guard case .bound = bind(person("bob"), "3") else { return fail("still kept") }
  }
}
