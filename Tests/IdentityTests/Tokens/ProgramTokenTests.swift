import EdgeCrypto
import Policy
import Store
import TestSupport
import Testing

@testable import Identity

/// Security rule 20: a token is one person's, for one route, given once, and taken back at once.
struct ProgramTokenTests {
  private static let route = "https://app.example.test"
  private static let visit = BearerVisit(host: "app.example.test", route: route, source: "192.0.2.7")

  private func ask(_ harness: Harness, challenge: String? = nil) throws -> ProgramLogin {
    let target = try #require(LoopbackTarget("http://127.0.0.1:4000/done"))
    let url = try #require(
      harness.identity.programLoginURL(
        target: target, host: "app.example.test", route: Self.route, challenge: challenge))
    #expect(url.hasPrefix(Harness.authenticateURL + "/.pomerium/api/v1/login?"))
    return try harness.identity.programLogin(query: Self.query(url))
  }

  private static func query(_ url: String) -> [(String, String)] {
    QueryString.parse(url.split(separator: "?", maxSplits: 1).last ?? "")
  }

  private func approve(_ harness: Harness, _ login: ProgramLogin, _ session: Session) async throws -> String {
    try await harness.identity.approve(
      login, csrf: harness.identity.programLoginToken(login, session: session), session: session,
      browserAddress: "192.0.2.1")
  }

  /// The whole way; the token.
  private func token(_ harness: Harness, _ session: Session) async throws -> String {
    let url = try await approve(harness, ask(harness), session)
    #expect(url.hasPrefix("http://127.0.0.1:4000/done?pomerium_jwt=te_login_"))
    return try #require(Self.query(url).first { $0.0 == "pomerium_jwt" }?.1)
  }

  @Test func theTokenIsThePersonOnThatRouteOnly() async throws {
    let harness = try await Harness()
    let alice = try await harness.session()
    let token = try await token(harness, alice)
    #expect(harness.identity.bearer(token, for: Self.visit) == .admitted(alice))
    for other in [
      BearerVisit(host: "b.example.test", route: Self.route, source: "192.0.2.7"),
      BearerVisit(host: "app.example.test", route: Self.route + "/admin…", source: "192.0.2.7"),
    ] {
      guard case .refused(let why) = harness.identity.bearer(token, for: other) else {
        Issue.record("let in to \(other)")
        continue
      }
      #expect(!why.contains(token))
    }
    // No cookie, and no session's id.
    #expect(harness.identity.session(cookie: token, host: "app.example.test") == nil)
    #expect(harness.identity.session(id: token) == nil)
  }

  @Test func theStoreHoldsNoToken() async throws {
    let harness = try await Harness()
    let token = try await token(harness, try await harness.session())
    for record in try await harness.store.records(ProgramToken.kind) {
      #expect(!String(decoding: record.value, as: UTF8.self).contains(token.dropFirst(9)))
      #expect(record.id == Base64.encodeURL(Digest.sha256(token)))
    }
    #expect(try await harness.store.records(ProgramToken.kind).count == 1)
  }

  @Test func aRestartForgetsNoTokenAndNoEnd() async throws {
    let harness = try await Harness()
    let alice = try await harness.session()
    let kept = try await token(harness, alice)
    let revoked = try await token(harness, alice)
    #expect(await harness.identity.revoke(shown: revoked))
    let again = try await Harness(clock: harness.clock, store: harness.store, provider: harness.provider)
    guard case .admitted(let session) = again.identity.bearer(kept, for: Self.visit) else {
      Issue.record("the token is gone")
      return
    }
    #expect(session.subject.isSamePerson(as: alice.subject))
    #expect(again.identity.bearer(revoked, for: Self.visit) != .admitted(session))
  }

  @Test func theEndOfTheSessionIsTheEndOfItsTokens() async throws {
    let harness = try await Harness()
    let alice = try await harness.session()
    let token = try await token(harness, alice)
    await harness.identity.signOutBrowser(sessionID: alice.id)
    #expect(harness.identity.bearer(token, for: Self.visit) == .admitted(alice), "this browser only")
    await harness.identity.signOut(sessionID: alice.id)
    guard case .refused = harness.identity.bearer(token, for: Self.visit) else {
      Issue.record("the token outlived its session")
      return
    }
    #expect(try await harness.store.records(ProgramToken.kind).isEmpty)
  }

  @Test func itEndsWithTime() async throws {
    let harness = try await Harness { $0.sessionLifetime = 3600 }
    let token = try await token(harness, try await harness.session())
    harness.clock.advance(seconds: 3600)
    guard case .refused = harness.identity.bearer(token, for: Self.visit) else {
      Issue.record("the token has no end")
      return
    }
  }

  @Test func oneRevokesOnesOwnOnly() async throws {
    let harness = try await Harness()
    let alice = try await harness.session("alice")
    let mallory = try await harness.session("mallory")
    let token = try await token(harness, alice)
    let listed = try #require(harness.identity.programTokens(of: alice).first)
    #expect(listed.host == "app.example.test" && listed.target == "http://127.0.0.1:4000")
    #expect(harness.identity.programTokens(of: mallory).isEmpty)
    let foreign = await #expect(throws: IdentityError.self) {
      try await harness.identity.revokeProgramToken(id: listed.id, by: mallory)
    }
    let unknown = await #expect(throws: IdentityError.self) {
      try await harness.identity.revokeProgramToken(id: "none", by: mallory)
    }
    #expect(foreign == unknown)
    #expect(harness.identity.bearer(token, for: Self.visit) == .admitted(alice))
    try await harness.identity.revokeProgramToken(id: listed.id, by: alice)
    #expect(harness.changes.all.last == .tokenRevoked(tokenID: listed.id, sessionID: alice.id))
    #expect(harness.identity.bearer(token, for: Self.visit) != .admitted(alice))
    #expect(harness.identity.session(id: alice.id) == alice, "the session goes on")
  }

  @Test func aWishIsAnsweredOnce() async throws {
    let harness = try await Harness()
    let alice = try await harness.session()
    let login = try ask(harness)
    _ = try await approve(harness, login, alice)
    await #expect(throws: IdentityError.self) { try await approve(harness, login, alice) }
    #expect(harness.identity.programTokens(of: alice).count == 1)
    let denied = try ask(harness)
    let csrf = harness.identity.programLoginToken(denied, session: alice)
    #expect(
      try harness.identity.deny(denied, csrf: csrf, session: alice) == "http://127.0.0.1:4000/done?error=access_denied")
    await #expect(throws: IdentityError.self) { try await approve(harness, denied, alice) }
  }

  @Test func theFormIsBoundToSessionAndWish() async throws {
    let harness = try await Harness()
    let alice = try await harness.session("alice")
    let mallory = try await harness.session("mallory")
    let (login, other) = (try ask(harness), try ask(harness))
    for csrf in [
      "", harness.identity.programLoginToken(login, session: mallory),
      harness.identity.programLoginToken(other, session: alice),
    ] {
      await #expect(throws: IdentityError.self) {
        try await harness.identity.approve(login, csrf: csrf, session: alice, browserAddress: "192.0.2.1")
      }
    }
    #expect(harness.identity.programTokens(of: alice).isEmpty)
    // A wrong form has not used the wish up.
    _ = try await approve(harness, login, alice)
  }

  @Test func nothingInTheAddressCanBeChanged() async throws {
    let harness = try await Harness()
    let target = try #require(LoopbackTarget("http://127.0.0.1:4000/done"))
    let url = try #require(
      harness.identity.programLoginURL(
        target: target, host: "app.example.test", route: Self.route, challenge: nil))
    let query = Self.query(url)
    for index in query.indices {
      var changed = query
      changed[index].1 += "x"
      #expect(throws: IdentityError.self) { try harness.identity.programLogin(query: changed) }
      #expect(throws: IdentityError.self) { try harness.identity.programLogin(query: query + [query[index]]) }
      var missing = query
      missing.remove(at: index)
      #expect(throws: IdentityError.self) { try harness.identity.programLogin(query: missing) }
    }
    let challenge = Base64.encodeURL([UInt8](repeating: 1, count: 32))
    #expect(throws: IdentityError.self) {
      try harness.identity.programLogin(query: query + [("code_challenge", challenge)])
    }
    harness.clock.advance(seconds: ProgramLogin.lifetime)
    #expect(throws: IdentityError.self) { try harness.identity.programLogin(query: query) }
  }

  @Test func aCodeIsWorthATokenToWhoeverKnowsTheVerifier() async throws {
    let harness = try await Harness()
    let alice = try await harness.session()
    let verifier = Base64.encodeURL([UInt8](repeating: 9, count: 32))
    func code() async throws -> String {
      let login = try ask(harness, challenge: Base64.encodeURL(Digest.sha256(verifier)))
      let url = try await approve(harness, login, alice)
      #expect(!url.contains("te_login_") && !url.contains("pomerium_jwt"), "no token in an address")
      return try #require(Self.query(url).first { $0.0 == "code" }?.1)
    }
    let first = try await code()
    #expect(harness.identity.redeemProgramCode(first, verifier: verifier + "x") == nil)
    #expect(harness.identity.redeemProgramCode(first, verifier: verifier) == nil, "a wrong verifier uses it up")
    await harness.identity.sweep()
    #expect(harness.identity.programTokens(of: alice).isEmpty, "nobody can ever show it")
    #expect(try await harness.store.records(ProgramToken.kind).isEmpty)
    let second = try await code()
    let (token, _) = try #require(harness.identity.redeemProgramCode(second, verifier: verifier))
    #expect(harness.identity.bearer(token, for: Self.visit) == .admitted(alice))
    #expect(harness.identity.redeemProgramCode(second, verifier: verifier) == nil, "once")
    let late = try await code()
    harness.clock.advance(seconds: ProgramTokens.codeLifetime)
    #expect(harness.identity.redeemProgramCode(late, verifier: verifier) == nil)
  }

  @Test func whatNobodyFetchesIsForgotten() async throws {
    let harness = try await Harness()
    let alice = try await harness.session()
    let challenge = Base64.encodeURL(Digest.sha256(Base64.encodeURL([UInt8](repeating: 9, count: 32))))
    _ = try await approve(harness, try ask(harness, challenge: challenge), alice)
    #expect(harness.identity.programTokens(of: alice).count == 1)
    harness.clock.advance(seconds: ProgramTokens.codeLifetime)
    await harness.identity.sweep()
    #expect(harness.identity.programTokens(of: alice).isEmpty)
    #expect(try await harness.store.records(ProgramToken.kind).isEmpty)
  }

  @Test func theNumberOfTokensOfOnePersonIsBounded() async throws {
    let harness = try await Harness()
    let alice = try await harness.session()
    for _ in 0..<ProgramToken.maximumPerPerson { _ = try await approve(harness, try ask(harness), alice) }
    await #expect(throws: IdentityError.self) { try await approve(harness, try ask(harness), alice) }
  }

  /// As many at once as one likes: each counts the others before the store is waited for.
  @Test func theBoundHoldsForThoseAtTheSameTime() async throws {
    let clock = TestClock()
    let store = HeldStore(MemoryStore(clock: clock.source))
    let harness = try await Harness(clock: clock, store: store)
    let alice = try await harness.session()
    for _ in 1..<ProgramToken.maximumPerPerson { _ = try await approve(harness, try ask(harness), alice) }
    let wishes = try (0..<4).map { _ in try ask(harness) }
    store.hold()
    await withTaskGroup(of: Void.self) { group in
      for login in wishes {
        group.addTask {
          _ = try? await approve(harness, login, alice)
          store.arrive()
        }
      }
      // Every one of them has been refused or waits for the store.
      await store.letGo(after: wishes.count)
      await group.waitForAll()
    }
    #expect(harness.identity.programTokens(of: alice).count <= ProgramToken.maximumPerPerson)
    #expect(try await store.records(ProgramToken.kind).count <= ProgramToken.maximumPerPerson)
  }

  /// Whoever answers without end takes no place of others.
  @Test func answersOfOnePersonAreBounded() throws {
    var answered = AnsweredLogins()
    let now = UnixTime(seconds: 1_700_000_000)
    func wish() throws -> ProgramLogin {
      let target = try #require(LoopbackTarget("http://127.0.0.1:4000/done"))
      return try #require(
        ProgramLogin(
          target: target, host: "app.example.test", route: Self.route, challenge: nil, random: SecureRandom.source))
    }
    let first = try wish()
    #expect(answered.answer(first, by: "mallory", now: now) == .first)
    #expect(answered.answer(first, by: "alice", now: now) == .again)
    for _ in 1..<AnsweredLogins.limit { _ = answered.answer(try wish(), by: "mallory", now: now) }
    #expect(answered.answer(try wish(), by: "mallory", now: now) == .tooMany)
    #expect(answered.answer(try wish(), by: "alice", now: now) == .first)
    #expect(answered.isAnswered(first, now: now), "a wish that was answered is forgotten for no other")
    let later = now.adding(seconds: ProgramLogin.lifetime * 2)
    #expect(answered.answer(try wish(), by: "mallory", now: later) == .first)
  }
}
