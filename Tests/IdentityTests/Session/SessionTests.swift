import EdgeCrypto
import Policy
import Store
import TestSupport
import Testing

@testable import Identity

@Suite struct SessionTests {
  @Test func givesEachHostACookieOfItsOwn() async throws {
    let harness = try await Harness()
    let session = try await harness.session()
    let value = try #require(harness.identity.cookieValue(for: session, host: "app.example.test"))
    #expect(harness.identity.session(cookie: value, host: "app.example.test") == session)
    #expect(harness.identity.session(cookie: value, host: "other.example.test") == nil)
    #expect(harness.identity.session(cookie: value, host: "app.example.test.") == nil)
    #expect(value.count < 80)
    #expect(harness.identity.cookieName == "__Host-_pomerium")
  }

  @Test func refusesEveryAlteredCookie() async throws {
    let harness = try await Harness()
    let session = try await harness.session()
    let value = try #require(harness.identity.cookieValue(for: session, host: "a"))
    let bytes = try #require(Base64.decodeURL(value))
    for index in bytes.indices {
      var altered = bytes
      altered[index] ^= 1
      #expect(harness.identity.session(cookie: Base64.encodeURL(altered), host: "a") == nil)
    }
    for junk in ["", "x", String(value.dropLast()), value + "A", value + "=", String(repeating: "A", count: 10_000)] {
      #expect(harness.identity.session(cookie: junk, host: "a") == nil)
    }
  }

  @Test func nothingInTheStoreMakesACookie() async throws {
    let harness = try await Harness()
    let session = try await harness.session()
    let value = try #require(harness.identity.cookieValue(for: session, host: "a"))
    let handle = Array(try #require(Base64.decodeURL(value))[1...16])
    let record = try #require(try await harness.store.record(SessionRecord.kind, session.id))
    let text = String(decoding: record.value, as: UTF8.self) + record.id
    #expect(!text.contains(Base64.encodeURL(handle)))
    #expect(!text.contains(Hex.encode(handle)))
    // The id is not the handle: a cookie made of it stands for nobody.
    let forged = SessionHandle(random: { _ in Base64.decodeURL(session.id) ?? [] })
    let key = try IdentityKeys(Harness.configuration()).cookie
    #expect(harness.identity.session(cookie: forged.cookieValue(host: "a", key: key), host: "a") == nil)
    // The provider's token is sealed.
    #expect(!text.contains("refresh-0"))
    #expect(text.contains("refresh_token"))
  }

  /// Security rule 37.
  @Test func theProvidersTokensAreKeptSealedAndOnlyWhereTheyAreNeeded() async throws {
    let without = try await Harness()
    #expect(without.identity.providerTokens(sessionID: try await without.session().id) == nil)
    let harness = try await Harness { $0.keepsProviderTokens = true }
    let session = try await harness.session()
    let tokens = try #require(harness.identity.providerTokens(sessionID: session.id))
    #expect(tokens.accessToken == "access")
    let idToken = try #require(tokens.idToken)
    let record = try #require(try await harness.store.record(SessionRecord.kind, session.id))
    let text = String(decoding: record.value, as: UTF8.self)
    #expect(text.contains("\"tokens\"") && !text.contains(idToken) && !text.contains("\"access\""))
    let after = try await Harness(clock: harness.clock, store: harness.store) { $0.keepsProviderTokens = true }
    #expect(after.identity.providerTokens(sessionID: session.id) == tokens)
    // With another secret they are nobody's.
    let key = [UInt8](repeating: 3, count: 32)
    let decoded = try #require(SessionRecord.decode(record, tokenKey: key, refreshAt: harness.clock.now))
    #expect(decoded.tokens == nil && decoded.refresh == nil)
  }

  @Test func tokensAreExchangedBeforeTheyAreTooOld() async throws {
    let harness = try await Harness { $0.keepsProviderTokens = true }
    harness.provider.change { $0.alterAnswer = { $0["expires_in"] = .number(300) } }
    let session = try await harness.session()
    harness.clock.advance(seconds: 200)
    #expect(harness.identity.sessions.takeDueForRefresh(at: harness.clock.now, limit: 9, putOff: 60).isEmpty)
    harness.provider.change { $0.alterAnswer = { $0["access_token"] = .string("access-2") } }
    harness.provider.change { $0.idTokenOnRefresh = false }
    harness.clock.advance(seconds: 10)
    let due = harness.identity.sessions.takeDueForRefresh(at: harness.clock.now, limit: 9, putOff: 60)
    #expect(due.count == 1)
    let first = try #require(harness.identity.providerTokens(sessionID: session.id))
    await harness.identity.refresh(due)
    let second = try #require(harness.identity.providerTokens(sessionID: session.id))
    #expect(second.accessToken == "access-2")
    #expect(second.idToken == first.idToken)
  }

  @Test func anotherSecretMakesOtherCookies() async throws {
    let harness = try await Harness()
    let session = try await harness.session()
    let value = try #require(harness.identity.cookieValue(for: session, host: "a"))
    let other = try await Harness(clock: harness.clock, store: harness.store) {
      $0.cookieSecret = [UInt8](repeating: 8, count: 32)
    }
    #expect(other.identity.session(id: session.id) != nil)
    #expect(other.identity.session(cookie: value, host: "a") == nil)
  }

  @Test func endsAtOnceOnSignOut() async throws {
    let harness = try await Harness()
    let session = try await harness.session()
    let value = try #require(harness.identity.cookieValue(for: session, host: "a"))
    await harness.identity.signOut(sessionID: session.id)
    #expect(harness.identity.session(id: session.id) == nil)
    #expect(harness.identity.session(cookie: value, host: "a") == nil)
    #expect(harness.identity.cookieValue(for: session, host: "a") == nil)
    #expect(harness.changes.all == [.ended(sessionID: session.id)])
    #expect(try await harness.store.records(SessionRecord.kind).isEmpty)
    await harness.identity.signOut(sessionID: session.id)
    #expect(harness.changes.all.count == 1)
  }

  @Test func endsForThisBrowserOnly() async throws {
    let harness = try await Harness()
    let session = try await harness.session()
    let value = try #require(harness.identity.cookieValue(for: session, host: "a"))
    try await harness.approve(try harness.identity.beginSSHSignIn(Harness.request()), as: session)
    await harness.identity.signOutBrowser(sessionID: session.id)
    #expect(harness.identity.session(cookie: value, host: "a") == nil)
    #expect(harness.identity.cookieValue(for: session, host: "a") == nil)
    #expect(harness.identity.session(id: session.id) != nil)
    #expect(harness.identity.keyBinding(fingerprint: "SHA256:key", scope: .edge) != nil)
    #expect(harness.changes.all == [.browserEnded(sessionID: session.id)])
    let after = try await Harness(clock: harness.clock, store: harness.store)
    #expect(after.identity.session(cookie: value, host: "a") == nil)
    #expect(after.identity.keyBinding(fingerprint: "SHA256:key", scope: .edge) != nil)
  }

  @Test func expires() async throws {
    let harness = try await Harness { $0.sessionLifetime = 100 }
    harness.provider.change { $0.issuesRefreshTokens = false }
    let session = try await harness.session()
    let value = try #require(harness.identity.cookieValue(for: session, host: "a"))
    harness.clock.advance(seconds: 99)
    await harness.identity.sweep()
    #expect(harness.identity.session(cookie: value, host: "a") != nil)
    harness.clock.advance(seconds: 1)
    #expect(harness.identity.session(cookie: value, host: "a") == nil)
    #expect(harness.changes.all.isEmpty)
    await harness.identity.sweep()
    await harness.identity.sweep()
    #expect(harness.changes.all == [.ended(sessionID: session.id)])
  }

  @Test func bindsFormTokensToSessionAndPurpose() async throws {
    let harness = try await Harness()
    let (alice, bob) = (try await harness.session("alice"), try await harness.session("bob"))
    let token = harness.identity.csrfToken(session: alice, purpose: "approve 1")
    #expect(harness.identity.checkCSRF(token, session: alice, purpose: "approve 1"))
    #expect(!harness.identity.checkCSRF(token, session: bob, purpose: "approve 1"))
    #expect(!harness.identity.checkCSRF(token, session: alice, purpose: "approve 2"))
    #expect(!harness.identity.checkCSRF("", session: alice, purpose: "approve 1"))
    #expect(!harness.identity.checkCSRF("!", session: alice, purpose: "approve 1"))
  }

  @Test func endsTheSessionsOfAProviderThatWasReplaced() async throws {
    let harness = try await Harness()
    let session = try await harness.session()
    var configuration = Harness.configuration()
    configuration.sessionLifetime = 60
    try await harness.identity.replace(configuration)
    #expect(harness.identity.session(id: session.id) != nil)
    configuration.provider.clientID = "another"
    try await harness.identity.replace(configuration)
    #expect(harness.identity.session(id: session.id) == nil)
    #expect(harness.changes.all == [.ended(sessionID: session.id)])
  }

  @Test func keepsTheLatestSessionsOfSomebodyWhoSignsInWithoutEnd() async throws {
    let harness = try await Harness()
    let first = try await harness.session()
    let other = try await harness.session("bob")
    for _ in 0..<100 {
      harness.clock.advance(seconds: 1)
      _ = try await harness.session()
    }
    #expect(harness.changes.all == [.ended(sessionID: first.id)])
    #expect(harness.identity.session(id: other.id) != nil)
  }

  @Test func refusesAShortSecret() async throws {
    await #expect(throws: IdentityError.self) { try await Harness { $0.sharedSecret = [1, 2, 3] } }
  }
}

@Suite struct RestartTests {
  let clock = TestClock()

  @Test func nobodyIsSignedOut() async throws {
    let directory = try TemporaryDirectory()
    var store = try await FileStore(directory: directory.path + "/db", clock: clock.source, logger: quiet)
    let before = try await Harness(clock: clock, store: store)
    let session = try await before.session()
    let value = try #require(before.identity.cookieValue(for: session, host: "a"))
    try await before.approve(try before.identity.beginSSHSignIn(Harness.request()), as: session)
    clock.advance(seconds: 10)
    guard case .bound(_, _, isNewSource: true) = before.identity.logIn(Harness.request(from: "192.0.2.9")) else {
      Issue.record("the key is not bound")
      return
    }
    await before.identity.sweep()
    await store.close()

    store = try await FileStore(directory: directory.path + "/db", clock: clock.source, logger: quiet)
    let after = try await Harness(clock: clock, store: store)
    #expect(after.identity.session(cookie: value, host: "a")?.subject == session.subject)
    #expect(after.identity.cookieValue(for: session, host: "b") != nil)
    let binding = try #require(after.identity.keyBinding(fingerprint: "SHA256:key", scope: .edge))
    #expect(binding.sources == ["192.0.2.1", "192.0.2.9"])
    #expect(binding.lastUsedAt == clock.now)
    guard case .bound(let bound, _, isNewSource: false) = after.identity.logIn(Harness.request(from: "192.0.2.9"))
    else {
      Issue.record("the key is not bound after the restart")
      return
    }
    #expect(bound.id == session.id)
    // And the key is no stranger.
    let waiting = try after.identity.beginSSHSignIn(Harness.request(scope: .hosts))
    #expect(try after.identity.pendingSSHSignIn(code: waiting.code).keyFirstSeen != nil)
    await store.close()
  }

  @Test func whoSignedOutStaysSignedOut() async throws {
    let store = MemoryStore(clock: clock.source)
    let before = try await Harness(clock: clock, store: store)
    let session = try await before.session()
    try await before.approve(try before.identity.beginSSHSignIn(Harness.request()), as: session)
    await before.identity.signOut(sessionID: session.id)
    let after = try await Harness(clock: clock, store: store)
    #expect(after.identity.session(id: session.id) == nil)
    #expect(after.identity.keyBinding(fingerprint: "SHA256:key", scope: .edge) == nil)
    #expect(try await store.records(KeyBinding.kind).isEmpty)
  }

  @Test func skipsRecordsItCannotRead() async throws {
    let store = MemoryStore(clock: clock.source)
    for junk in ["", "{}", "[1]", "not json", #"{"provider":1}"#] {
      try await store.put(SessionRecord.kind, "s\(junk.count)", Array(junk.utf8), expiresAt: nil)
      try await store.put(KeyBinding.kind, "b\(junk.count)", Array(junk.utf8), expiresAt: nil)
      try await store.put(KnownKey.kind, "k\(junk.count)", Array(junk.utf8), expiresAt: nil)
    }
    _ = try await Harness(clock: clock, store: store)
    #expect(try await store.records(SessionRecord.kind).isEmpty)
  }
}
