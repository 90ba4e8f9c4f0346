import Policy
import Store
import TestSupport
import Testing

@testable import Identity

@Suite struct SSHSignInTests {
  @Test func bindsAKeyThroughABrowser() async throws {
    let harness = try await Harness()
    guard case .signIn(.unknownKey) = harness.identity.logIn(Harness.request()) else {
      Issue.record("an unknown key is let in")
      return
    }
    let waiting = try harness.identity.beginSSHSignIn(Harness.request())
    #expect(waiting.code.count == 22)
    #expect(waiting.url == "https://auth.example.test/.pomerium/sign_in?user_code=\(waiting.code)")
    #expect(waiting.provider == "oidc")

    let session = try await harness.session()
    let page = try harness.identity.markOpened(code: waiting.code, by: session)
    #expect(page.keyFingerprint == "SHA256:key")
    #expect(page.keyFirstSeen == nil)
    #expect(page.sourceAddress == "192.0.2.1")
    #expect(page.clientVersion == "SSH-2.0-OpenSSH_9.2")
    #expect(page.hostKeyFingerprints == ["SHA256:host"])
    #expect(page.mayApprove(session))
    #expect(page.addressDiffers(from: "192.0.2.2"))
    #expect(!page.addressDiffers(from: "::ffff:192.0.2.1"))
    #expect(page.expiresAt == harness.clock.now.adding(seconds: 900))

    async let outcome = waiting.outcome()
    let approval = try await harness.approve(waiting, as: session)
    guard case .granted(let binding) = approval else {
      Issue.record("not granted")
      return
    }
    #expect(await outcome == .approved(session, binding))
    #expect(await waiting.outcome() == .approved(session, binding))
    #expect(binding.userName == "alice@example.test")
    guard case .bound(let bound, _, isNewSource: false) = harness.identity.logIn(Harness.request()) else {
      Issue.record("the key is not bound")
      return
    }
    #expect(bound == session)
    let error = #expect(throws: IdentityError.self) { try harness.identity.pendingSSHSignIn(code: waiting.code) }
    #expect(error?.status == 409)
  }

  @Test func aKeyThatIsNotRememberedLetsInWhatWaitsAndNothingLater() async throws {
    let harness = try await Harness()
    let session = try await harness.session()
    let (first, second) = (
      try harness.identity.beginSSHSignIn(Harness.request()), try harness.identity.beginSSHSignIn(Harness.request())
    )
    try harness.identity.markOpened(code: first.code, by: session)
    guard
      case .granted(let once) = try await harness.identity.approve(
        code: first.code, session: session, browserAddress: "192.0.2.1", remembersKey: false)
    else {
      Issue.record("not granted")
      return
    }
    #expect(!once.isRemembered && once.expiresAt == session.expiresAt)
    guard case .approved = await first.outcome(), case .approved = await second.outcome() else {
      Issue.record("not both were let in")
      return
    }
    // What was let in goes on, and the key is nobody else's meanwhile.
    #expect(harness.identity.keyBinding(fingerprint: "SHA256:key", scope: .edge) == once)
    guard case .signIn(.unknownKey) = harness.identity.logIn(Harness.request()) else {
      Issue.record("a key that is not remembered is let in")
      return
    }
    let later = try harness.identity.beginSSHSignIn(Harness.request())
    // A restart forgets nothing of that.
    let after = try await Harness(clock: harness.clock, store: harness.store, provider: harness.provider)
    guard case .signIn = after.identity.logIn(Harness.request()) else {
      Issue.record("a restart made the key remembered")
      return
    }
    try await harness.approve(later, as: session)
    guard case .bound = harness.identity.logIn(Harness.request()) else {
      Issue.record("a remembered key is asked for again")
      return
    }
  }

  /// An insider lets their own key be known first, and then sends a colleague the link.
  @Test func aKeyThatSomebodyElseApprovedIsNewToThisPerson() async throws {
    let harness = try await Harness()
    let mallory = try await harness.session("mallory")
    try await harness.approve(try harness.identity.beginSSHSignIn(Harness.request()), as: mallory)
    let own = try #require(harness.identity.bindings(of: mallory).first)
    try await harness.identity.revoke(bindingID: own.id, by: mallory)
    let victim = try await harness.session("alice")
    let sent = try harness.identity.beginSSHSignIn(Harness.request())
    let page = try harness.identity.markOpened(code: sent.code, by: victim)
    #expect(page.keyKnownSince(to: victim) == nil && page.keyKnownSince(to: mallory) != nil)
    #expect(page.keyUsedByAnother(than: victim) == "mallory@example.test")
    guard
      case .confirmInTerminal = try await harness.identity.approve(
        code: sent.code, session: victim, browserAddress: "198.51.100.7")
    else {
      Issue.record("granted without digits")
      return
    }
  }

  @Test func releasesEveryConnectionOfTheKey() async throws {
    let harness = try await Harness()
    let first = try harness.identity.beginSSHSignIn(Harness.request())
    let second = try harness.identity.beginSSHSignIn(Harness.request())
    #expect(first.code == second.code)
    let session = try await harness.session()
    try await harness.approve(first, as: session)
    guard case .approved = await first.outcome(), case .approved = await second.outcome() else {
      Issue.record("not both were released")
      return
    }
  }

  @Test func deniesForAnybodyWhoIsSignedIn() async throws {
    let harness = try await Harness()
    let waiting = try harness.identity.beginSSHSignIn(Harness.request())
    let (alice, bob) = (try await harness.session("alice"), try await harness.session("bob"))
    try harness.identity.markOpened(code: waiting.code, by: alice)
    #expect(try harness.identity.markOpened(code: waiting.code, by: bob).mayApprove(bob) == false)
    let error = await #expect(throws: IdentityError.self) {
      try await harness.identity.approve(code: waiting.code, session: bob, browserAddress: "192.0.2.1")
    }
    #expect(error?.kind == .forbidden)
    try harness.identity.deny(code: waiting.code, session: bob)
    #expect(await waiting.outcome() == .denied)
    #expect(harness.identity.keyBinding(fingerprint: "SHA256:key", scope: .edge) == nil)
    // Nothing of a denied sign-in remains.
    #expect(try await harness.store.records(KeyBinding.kind).isEmpty)
    #expect(try await harness.store.records(KnownKey.kind).isEmpty)
  }

  @Test func diesWhenTheLastConnectionHangsUpOrIsForgotten() async throws {
    let harness = try await Harness()
    let session = try await harness.session()
    var waiting: SSHSignIn? = try harness.identity.beginSSHSignIn(Harness.request())
    let code = try #require(waiting?.code)
    waiting?.hangUp()
    #expect(await waiting?.outcome() == .abandoned)
    #expect(throws: IdentityError.self) { try harness.identity.markOpened(code: code, by: session) }
    waiting = try harness.identity.beginSSHSignIn(Harness.request())
    let next = try #require(waiting?.code)
    #expect(next != code)
    waiting = nil
    let error = #expect(throws: IdentityError.self) { try harness.identity.markOpened(code: next, by: session) }
    #expect(error?.kind == .expired)
  }

  @Test func endsTheWaitOfACancelledTask() async throws {
    let harness = try await Harness()
    let waiting = try harness.identity.beginSSHSignIn(Harness.request())
    let task = Task { await waiting.outcome() }
    task.cancel()
    #expect(await task.value == .abandoned)
    #expect(throws: Never.self) { try harness.identity.pendingSSHSignIn(code: waiting.code) }
  }

  @Test func tellsThoseWhoWaitedTooLong() async throws {
    let harness = try await Harness()
    let waiting = try harness.identity.beginSSHSignIn(Harness.request())
    harness.clock.advance(seconds: 900)
    await harness.identity.sweep()
    #expect(await waiting.outcome() == .expired)
  }

  @Test func asksForDigitsWhenAStrangersKeyComesFromElsewhere() async throws {
    let harness = try await Harness()
    let session = try await harness.session()
    let first = try harness.identity.beginSSHSignIn(Harness.request())
    let second = try harness.identity.beginSSHSignIn(Harness.request())
    guard case .confirmInTerminal(let digits) = try await harness.approve(first, as: session, browser: "198.51.100.7")
    else {
      Issue.record("granted without digits")
      return
    }
    #expect(digits.count == 6)
    #expect(await first.outcome() == .confirmInTerminal)
    #expect(await second.outcome() == .confirmInTerminal)
    #expect(harness.identity.keyBinding(fingerprint: "SHA256:key", scope: .edge) == nil)
    #expect(try harness.identity.pendingSSHSignIn(code: first.code).digits == digits)
    let wrong = digits == "000000" ? "000001" : "000000"
    #expect(await first.confirm(digits: wrong) == .wrong(triesLeft: 2))
    guard case .approved(_, let binding) = await first.confirm(digits: " \(digits)\n") else {
      Issue.record("the right digits were refused")
      return
    }
    #expect(await second.outcome() == .approved(session, binding))
    // Known now: the page is enough from anywhere.
    let other = try harness.identity.beginSSHSignIn(Harness.request(scope: .hosts))
    guard case .granted = try await harness.approve(other, as: session, browser: "198.51.100.7") else {
      Issue.record("digits were asked for a known key")
      return
    }
  }

  @Test func endsAfterThreeWrongTries() async throws {
    let harness = try await Harness { $0.sshSignInCheck = .terminal }
    let session = try await harness.session()
    let waiting = try harness.identity.beginSSHSignIn(Harness.request())
    try await harness.approve(waiting, as: session)
    #expect(await waiting.outcome() == .confirmInTerminal)
    _ = await waiting.confirm(digits: "x")
    _ = await waiting.confirm(digits: "y")
    guard case .failed(.refused(let text)) = await waiting.confirm(digits: "z") else {
      Issue.record("a fourth try is given")
      return
    }
    #expect(text.contains("wrong digits"))
    #expect(await waiting.outcome() == .refused(text))
  }

  @Test func asksForNothingWhereThePageIsEnough() async throws {
    let harness = try await Harness { $0.sshSignInCheck = .page }
    let waiting = try harness.identity.beginSSHSignIn(Harness.request())
    guard case .granted = try await harness.approve(waiting, as: try await harness.session(), browser: "198.51.100.7")
    else {
      Issue.record("digits were asked for")
      return
    }
  }

  @Test func aProviderThatChangesEndsWhatWaits() async throws {
    let harness = try await Harness()
    let waiting = try harness.identity.beginSSHSignIn(Harness.request())
    var changed = harness.identity.settings.configuration
    changed.authenticateURL = "https://signin.example.test"
    try await harness.identity.replace(changed)
    guard case .refused(let text) = await waiting.outcome() else {
      Issue.record("a link to an address that is no more is still waited for")
      return
    }
    #expect(text.contains("Connect again"))
    let next = try harness.identity.beginSSHSignIn(Harness.request())
    #expect(next.url.hasPrefix("https://signin.example.test/.pomerium/sign_in?user_code="))
    try await harness.identity.replace(changed)
    #expect(throws: Never.self) { try harness.identity.pendingSSHSignIn(code: next.code) }
  }

  @Test func whoSignsOutBeforeTheDigitsHasNotAuthorized() async throws {
    let harness = try await Harness { $0.sshSignInCheck = .terminal }
    let session = try await harness.session()
    let waiting = try harness.identity.beginSSHSignIn(Harness.request())
    guard case .confirmInTerminal(let digits) = try await harness.approve(waiting, as: session) else {
      Issue.record("no digits")
      return
    }
    #expect(await waiting.outcome() == .confirmInTerminal)
    await harness.identity.signOut(sessionID: session.id)
    guard case .refused = await waiting.outcome(), case .failed = await waiting.confirm(digits: digits) else {
      Issue.record("a session that ended lets in")
      return
    }
    #expect(harness.identity.keyBinding(fingerprint: "SHA256:key", scope: .edge) == nil)
  }

  @Test func limitsASource() async throws {
    let harness = try await Harness()
    var waiting: [SSHSignIn] = []
    for number in 0..<40 { waiting.append(try harness.identity.beginSSHSignIn(Harness.request(key: "k\(number)"))) }
    for early in waiting.prefix(8) { #expect(await early.outcome() == .evicted) }
    #expect(throws: Never.self) { try harness.identity.pendingSSHSignIn(code: waiting[8].code) }
  }

  @Test func storesNothingWhenTheStoreFails() async throws {
    let store = MemoryStore(clock: TestClock().source)
    let harness = try await Harness(store: store)
    let session = try await harness.session()
    let waiting = try harness.identity.beginSSHSignIn(Harness.request())
    await store.close()
    let error = await #expect(throws: IdentityError.self) { try await harness.approve(waiting, as: session) }
    #expect(error?.kind == .storage)
    #expect(harness.identity.keyBinding(fingerprint: "SHA256:key", scope: .edge) == nil)
    #expect(throws: Never.self) { try harness.identity.pendingSSHSignIn(code: waiting.code) }
  }
}
