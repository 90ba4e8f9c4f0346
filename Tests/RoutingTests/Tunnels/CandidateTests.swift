import NIOCore
import NIOEmbedded
import Policy
import Synchronization
import TestSupport
import Testing

@testable import Routing

/// Who waits for a name that another person holds is told when it is free, and nobody else is.
struct CandidateTests {
  private let clock = TestClock()
  private let registry: TunnelRegistry
  private let route = RouteID("a")
  private let notices = Counter()

  init() {
    let clock = clock
    registry = TunnelRegistry { clock.now }
  }

  private func bind(
    _ owner: String, _ connection: String, name: String = "a.example", isShared: Bool = false, waits: Bool = true
  ) -> Binding? {
    let notices = notices
    let result = registry.bind(
      BindingRequest(
        routeID: route, name: pattern(name), isShared: isShared, requestedHost: name, requestedPort: 443,
        owner: person(owner), connectionID: connection, opener: NoOpener(), probe: {},
        whenFree: { notices.increment() }), waits: waits)
    if case .bound(let binding) = result { return binding }
    return nil
  }

  @Test(arguments: [BindingRelease.disconnected, .cancelled])
  func aReleaseIsTold(_ why: BindingRelease) throws {
    let ann = try #require(bind("ann", "1"))
    #expect(bind("bob", "2") == nil && notices.value == 0)
    registry.release(ann.id, why: why)
    #expect(notices.value == 1)
    _ = try #require(bind("bob", "2"))
  }

  @Test func aDetachIsTold() throws {
    let ann = try #require(bind("ann", "1"))
    #expect(bind("bob", "2") == nil)
    registry.setState(ann.id, .detached(.notPermitted))
    #expect(notices.value == 1)
    // Once only: whoever is told asks again, or does not care.
    registry.setState(ann.id, .attached)
    registry.setState(ann.id, .detached(.notPermitted))
    #expect(notices.value == 1)
  }

  @Test func whoDidNotWaitIsNotTold() throws {
    let ann = try #require(bind("ann", "1"))
    #expect(bind("bob", "2", waits: false) == nil)
    registry.release(ann.id, why: .disconnected)
    #expect(notices.value == 0)
  }

  @Test func aLostConnectionTellsUntilWhenItsNameIsKept() throws {
    let ann = try #require(bind("ann", "1"))
    #expect(bind("bob", "2") == nil)
    #expect(registry.firstLeaseEnd(connectionID: "2") == nil)
    registry.release(ann.id, why: .connectionLost)
    #expect(notices.value == 1)
    #expect(bind("bob", "2") == nil)
    #expect(registry.firstLeaseEnd(connectionID: "2") == clock.now.adding(seconds: 10))
    clock.advance(seconds: 10)
    #expect(registry.firstLeaseEnd(connectionID: "2") == nil)
    _ = try #require(bind("bob", "2"))
  }

  @Test func aBindingThatCannotComeBackIsACandidate() throws {
    let ann = try #require(bind("ann", "1"))
    registry.setState(ann.id, .detached(.notPermitted))
    let bob = try #require(bind("bob", "2"))
    #expect(registry.setState(ann.id, .attached) == .detached(.heldByAnother))
    registry.release(bob.id, why: .disconnected)
    #expect(notices.value == 1)
    #expect(registry.setState(ann.id, .attached) == .attached)
  }

  @Test func onlyNamesThatOverlapConcernACandidate() throws {
    let one = try #require(bind("ann", "1", name: "a.dev.example"))
    let other = try #require(bind("ann", "1", name: "b.dev.example"))
    #expect(bind("bob", "2", name: "a.dev.example") == nil)
    registry.release(other.id, why: .disconnected)
    #expect(notices.value == 0)
    registry.release(one.id, why: .disconnected)
    #expect(notices.value == 1)
  }

  @Test func nothingStaysOfAConnectionThatIsOver() throws {
    let ann = try #require(bind("ann", "1"))
    #expect(bind("bob", "2") == nil)
    registry.note(RefusedForward(connectionID: "2", sessionID: "s", text: "x:443: not available", at: clock.now))
    registry.forget(connectionID: "2")
    registry.release(ann.id, why: .disconnected)
    registry.forget(connectionID: "1")
    #expect(notices.value == 0 && registry.isEmpty)
  }

  /// Whoever invents names and vanishes leaves nothing behind.
  @Test func leasesThatEndedLeaveNoNames() throws {
    for number in 0..<100 {
      let lost = try #require(bind("ann", "\(number)", name: "n\(number).dev.example"))
      registry.release(lost.id, why: .connectionLost)
      registry.forget(connectionID: "\(number)")
    }
    #expect(!registry.isEmpty)
    clock.advance(seconds: 10)
    let next = try #require(bind("bob", "next"))
    registry.release(next.id, why: .disconnected)
    registry.forget(connectionID: "next")
    #expect(registry.isEmpty)
  }

  @Test func aWildcardAndItsNamesConcernEachOther() throws {
    let name = try #require(bind("ann", "1", name: "a.dev.example"))
    #expect(bind("bob", "2", name: "*.dev.example") == nil)
    registry.release(name.id, why: .disconnected)
    #expect(notices.value == 1)
    let wide = try #require(bind("bob", "2", name: "*.dev.example"))
    #expect(bind("ann", "1", name: "a.dev.example") == nil && bind("eve", "3", name: "b.dev.example") == nil)
    registry.release(wide.id, why: .connectionLost)
    #expect(notices.value == 3)
    #expect(bind("ann", "1", name: "a.dev.example") == nil)
    #expect(registry.firstLeaseEnd(connectionID: "1") == clock.now.adding(seconds: 10))
  }

  /// Security rule 1, when the configuration takes back what it allowed.
  @Test func aRouteThatIsSharedNoLongerStaysWithWhoCameFirst() throws {
    let ann = try #require(bind("ann", "1", isShared: true))
    let bob = try #require(bind("bob", "2", isShared: true))
    #expect(registry.setState(bob.id, .attached, isShared: false) == .detached(.heldByAnother))
    #expect(registry.setState(ann.id, .attached, isShared: false) == .attached)
    registry.setState(bob.id, .attached, isShared: true)
    #expect(registry.binding(bob.id)?.state == .attached)
  }

  @Test func refusalsAreBoundedAndOfOneSession() {
    for number in 0..<20 {
      registry.note(RefusedForward(connectionID: "1", sessionID: "s", text: "\(number)", at: clock.now))
    }
    registry.note(RefusedForward(connectionID: "2", sessionID: "other", text: "theirs", at: clock.now))
    #expect(registry.refusedForwards(sessionID: "s").map(\.text) == (12..<20).map { "\($0)" })
  }
}

/// Several tunnels of one route.
struct SeveralPublishersTests {
  private let clock = TestClock()
  private let registry: TunnelRegistry
  private let route = RouteID("a")

  init() {
    let clock = clock
    registry = TunnelRegistry { clock.now }
  }

  private func bind(_ owner: String, _ connection: String, isShared: Bool = false) throws -> Binding {
    let result = registry.bind(
      BindingRequest(
        routeID: route, name: pattern("a.example"), isShared: isShared, requestedHost: "a.example", requestedPort: 443,
        owner: person(owner), connectionID: connection, opener: NoOpener(), probe: {}))
    guard case .bound(let binding) = result else { throw StreamOpenFailure.notPermitted }
    registry.confirm(connectionID: connection)
    for other in registry.bindings() { registry.confirm(connectionID: other.connectionID) }
    return binding
  }

  private func pick(_ session: String? = nil) -> Binding? {
    if case .binding(let binding) = registry.pick(route: route, host: host("a.example"), sessionID: session) {
      return binding
    }
    return nil
  }

  @Test func aTunnelInDoubtIsLastChoice() throws {
    let first = try bind("ann", "1")
    let second = try bind("ann", "2")
    #expect(registry.hasAlternative(to: first.id))
    registry.doubt(connectionID: "1")
    #expect((0..<4).allSatisfy { _ in pick()?.id == second.id })
    #expect(!registry.hasAlternative(to: second.id) && registry.hasAlternative(to: first.id))
    registry.doubt(connectionID: "2")
    #expect(Set((0..<2).compactMap { _ in pick()?.id }) == [first.id, second.id])
    registry.confirm(connectionID: "1")
    #expect((0..<4).allSatisfy { _ in pick()?.id == first.id })
  }

  /// A visitor changes publisher only when their own goes.
  @Test func othersGoingDoesNotMoveASession() throws {
    var bindings: [Binding] = []
    for name in ["ann", "bob", "eve", "dan"] { bindings.append(try bind(name, name, isShared: true)) }
    let sessions = (0..<64).map { "session-\($0)" }
    let before = Dictionary(uniqueKeysWithValues: sessions.map { ($0, pick($0)?.owner.userID) })
    #expect(Set(before.values).count == 4)
    registry.release(bindings[1].id, why: .disconnected)
    for session in sessions where before[session] != "bob" { #expect(pick(session)?.owner.userID == before[session]) }
    for session in sessions where before[session] == "bob" { #expect(pick(session)?.owner.userID != "bob") }
  }

  @Test func aRequestStaysWithThePersonWhoHadItFirst() throws {
    let ann = try bind("ann", "1", isShared: true)
    _ = try bind("bob", "2", isShared: true)
    func pick(_ session: String = "s") -> TunnelPick {
      registry.pick(route: route, host: host("a.example"), sessionID: session, of: ann)
    }
    for number in 0..<16 {
      guard case .binding(let binding) = pick("\(number)") else { return fail("nowhere") }
      #expect(binding.id == ann.id)
    }
    registry.release(ann.id, why: .connectionLost)
    guard case .none(.reconnecting) = pick() else { return fail("not waited for") }
    let loop = EmbeddedEventLoop()
    var wanted = TunnelWait(routeID: route, host: host("a.example"), sessionID: "s", address: "192.0.2.1")
    wanted.publisher = ann
    let waiting = registry.whenAvailable(wanted, on: loop)
    #expect(registry.parkedCount == 1)
    let back = try bind("ann", "3", isShared: true)
    loop.run()
    guard case .binding(let found) = try waiting.result.wait() else { return fail("not released") }
    #expect(found.id == back.id)
    registry.release(back.id, why: .disconnected)
    guard case .none(.neverConnected) = pick() else { return fail("given to somebody else") }
  }

  @Test func oneOfManyGoesAndTheOthersServe() throws {
    let bindings = try (0..<5).map { try bind("ann", "\($0)") }
    let all = Set((0..<10).compactMap { _ in pick()?.id })
    #expect(all == Set(bindings.map(\.id)))
    registry.release(bindings[2].id, why: .connectionLost)
    let left = (0..<8).compactMap { _ in pick()?.id }
    #expect(left.count == 8 && Set(left).count == 4 && !left.contains(bindings[2].id))
  }
}

/// Random histories: nobody waits for a name that is free.
struct CandidateModelTests {
  private final class Wait: Sendable {
    let isTold = Mutex(false)
  }

  @Test(arguments: 0..<10) func nobodyWaitsForAFreeName(_ seed: UInt64) {
    var random = SeededGenerator(seed &* 104_729 &+ 7)
    let clock = TestClock()
    var configuration = TunnelRegistryConfiguration()
    // Leases end by themselves, and are told by `firstLeaseEnd`.
    configuration.reconnectGrace = 0
    let registry = TunnelRegistry(configuration: configuration) { clock.now }
    let route = RouteID("r")
    let names = ["a.dev.example", "b.dev.example", "*.dev.example"]
    var bindings: [Binding] = []
    var waits: [String: (owner: String, name: String, wait: Wait)] = [:]

    func isFree(_ name: String, for owner: String) -> Bool {
      !registry.bindings().contains {
        $0.state.isAttached && $0.owner.userID != owner && $0.name.overlaps(pattern(name))
      }
    }

    for _ in 0..<300 {
      let connection = "\(random.next() % 8)"
      let owner = ["ann", "bob", "eve"][Int(connection).map { $0 % 3 } ?? 0]
      let name = names[Int(random.next() % 3)]
      switch random.next() % 6 {
      case 0...2:
        let wait = Wait()
        let result = registry.bind(
          BindingRequest(
            routeID: route, name: pattern(name), isShared: false, requestedHost: name, requestedPort: 443,
            owner: person(owner), connectionID: connection, opener: NoOpener(), probe: {},
            whenFree: { wait.isTold.withLock { $0 = true } }), waits: true)
        switch result {
        case .bound(let binding):
          bindings.append(binding)
          waits[connection + name] = nil
        case .refused(.heldByAnother): waits[connection + name] = (owner, name, wait)
        case .refused: break
        }
      case 3:
        guard let index = bindings.indices.randomElement(using: &random) else { continue }
        registry.release(bindings.remove(at: index).id, why: random.next() % 2 == 0 ? .connectionLost : .cancelled)
      case 4:
        guard let binding = bindings.randomElement(using: &random) else { continue }
        registry.setState(binding.id, .detached(.notPermitted))
      default:
        for binding in bindings where binding.connectionID == connection {
          registry.release(binding.id, why: .cancelled)
        }
        bindings.removeAll { $0.connectionID == connection }
        registry.forget(connectionID: connection)
        waits = waits.filter { !$0.key.hasPrefix(connection) }
      }
      for (owner, name, wait) in waits.values where isFree(name, for: owner) {
        #expect(wait.isTold.withLock { $0 })
      }
    }
    for binding in bindings { registry.release(binding.id, why: .disconnected) }
    for connection in 0..<8 { registry.forget(connectionID: "\(connection)") }
    #expect(registry.isEmpty)
  }
}
