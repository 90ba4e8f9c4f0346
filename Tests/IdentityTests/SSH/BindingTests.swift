import Policy
import Store
import TestSupport
import Testing

@testable import Identity

@Suite struct BindingTests {
  func bind(
    _ harness: Harness, _ session: Session, key: String = "SHA256:key", scope: BindingScope = .edge,
    from source: String = "192.0.2.1"
  ) async throws {
    let waiting = try harness.identity.beginSSHSignIn(Harness.request(key: key, scope: scope, from: source))
    try await harness.approve(waiting, as: session, browser: source)
  }

  @Test func needsApprovalForEachScope() async throws {
    let harness = try await Harness()
    let session = try await harness.session()
    try await bind(harness, session)
    guard case .signIn(.otherScope) = harness.identity.logIn(Harness.request(scope: .hosts)) else {
      Issue.record("the other scope is open")
      return
    }
    try await bind(harness, session, scope: .hosts)
    #expect(harness.identity.bindings(of: session).count == 2)
  }

  @Test func staysWithOnePersonUntilRevoked() async throws {
    let harness = try await Harness()
    let (alice, bob) = (try await harness.session("alice"), try await harness.session("bob"))
    try await bind(harness, alice)
    for scope in BindingScope.allCases {
      let error = await #expect(throws: IdentityError.self) { try await bind(harness, bob, scope: scope) }
      #expect(error?.kind == .keyHeldByAnother)
      #expect(error?.status == 409)
    }
    // Who waits at the terminal is told, too.
    let refusedLogin = try harness.identity.beginSSHSignIn(Harness.request(scope: .hosts))
    _ = try? await harness.approve(refusedLogin, as: bob)
    guard case .refused(let text) = await refusedLogin.outcome(), text.contains("bound to another person") else {
      Issue.record("a key of somebody else is waited for")
      return
    }
    let id = try #require(harness.identity.bindings(of: alice).first?.id)
    let refused = await #expect(throws: IdentityError.self) {
      try await harness.identity.revoke(bindingID: id, by: bob)
    }
    let unknown = await #expect(throws: IdentityError.self) {
      try await harness.identity.revoke(bindingID: "x", by: bob)
    }
    #expect(refused == unknown)
    try await harness.identity.revoke(bindingID: id, by: alice)
    #expect(harness.changes.all == [.bindingRevoked(fingerprint: "SHA256:key", sessionID: alice.id)])
    #expect(harness.identity.keyBinding(fingerprint: "SHA256:key", scope: .edge) == nil)
    #expect(try await harness.store.records(KeyBinding.kind).isEmpty)
    try await bind(harness, bob)
    #expect(harness.identity.bindings(of: bob).count == 1)
    let waiting = try harness.identity.beginSSHSignIn(Harness.request(scope: .hosts))
    let page = try harness.identity.pendingSSHSignIn(code: waiting.code)
    #expect(page.keyLastUser == "bob@example.test")
  }

  @Test func oneOfTwoPeopleGetsTheKey() async throws {
    let harness = try await Harness()
    let (alice, bob) = (try await harness.session("alice"), try await harness.session("bob"))
    async let first: Void = bind(harness, alice, from: "192.0.2.1")
    async let second: Void = bind(harness, bob, from: "192.0.2.2")
    var refused = 0
    do { try await first } catch { refused += 1 }
    do { try await second } catch { refused += 1 }
    #expect(refused == 1)
    #expect(harness.identity.bindings(of: alice).count + harness.identity.bindings(of: bob).count == 1)
  }

  @Test func followsThePersonToTheirNextSession() async throws {
    let harness = try await Harness()
    let (first, second) = (try await harness.session(), try await harness.session())
    try await bind(harness, first)
    #expect(harness.identity.bindings(of: second).count == 1)
    try await bind(harness, second, scope: .edge)
    await harness.identity.signOut(sessionID: first.id)
    #expect(harness.identity.keyBinding(fingerprint: "SHA256:key", scope: .edge)?.sessionID == second.id)
  }

  @Test func endsWithItsSession() async throws {
    let harness = try await Harness()
    let session = try await harness.session()
    try await bind(harness, session)
    await harness.identity.signOut(sessionID: session.id)
    #expect(harness.identity.keyBinding(fingerprint: "SHA256:key", scope: .edge) == nil)
    guard case .signIn(.unknownKey) = harness.identity.logIn(Harness.request()) else {
      Issue.record("a key outlives its session")
      return
    }
    #expect(try await harness.store.records(KeyBinding.kind).isEmpty)
    // The key is free now.
    try await bind(harness, try await harness.session("bob"))
  }

  /// Between "sign in" and the waiting room another connection of the key may be approved.
  @Test func nobodyWaitsForAKeyThatIsBound() async throws {
    let harness = try await Harness()
    let session = try await harness.session()
    try await bind(harness, session)
    let late = try harness.identity.beginSSHSignIn(Harness.request())
    guard case .approved(session, _) = await late.outcome() else {
      Issue.record("a bound key waits for a browser")
      return
    }
    let elsewhere = try harness.identity.beginSSHSignIn(Harness.request(scope: .hosts))
    elsewhere.hangUp()
    #expect(await elsewhere.outcome() == .abandoned)
  }

  @Test func noticesANewSourceOnce() async throws {
    let harness = try await Harness()
    let session = try await harness.session()
    try await bind(harness, session)
    guard case .bound(_, _, isNewSource: true) = harness.identity.logIn(Harness.request(from: "192.0.2.2")),
      case .bound(_, let binding, isNewSource: false) = harness.identity.logIn(Harness.request(from: "192.0.2.2"))
    else {
      Issue.record("a new source is not told once")
      return
    }
    #expect(binding.sourceAddress == "192.0.2.1")
    #expect(binding.lastSource == "192.0.2.2")
    for number in 0..<60 { _ = harness.identity.logIn(Harness.request(from: "198.51.100.\(number)")) }
    #expect(harness.identity.bindings(of: session).first?.sources.count == KeyBinding.maximumSources)
  }

  @Test func asksAgainForANewSourceWhereSoConfigured() async throws {
    let harness = try await Harness { $0.sshNewSource = .signIn }
    let session = try await harness.session()
    try await bind(harness, session)
    guard case .signIn(.newSource) = harness.identity.logIn(Harness.request(from: "192.0.2.2")) else {
      Issue.record("a new source is let in")
      return
    }
    try await bind(harness, session, from: "192.0.2.2")
    for source in ["192.0.2.1", "192.0.2.2"] {
      guard case .bound(_, _, isNewSource: false) = harness.identity.logIn(Harness.request(from: source)) else {
        Issue.record("an approved source is refused")
        return
      }
    }
  }
}
