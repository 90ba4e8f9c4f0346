import EdgeCrypto
import Policy
import Testing

@testable import Identity

@Suite struct LogoutTests {
  /// A logout token of the harness' provider; `change` makes it wrong.
  private func token(
    _ harness: Harness, type: String = "logout+jwt", _ change: (inout [String: ClaimValue]) -> Void = { _ in }
  ) throws -> String {
    let now = Double(harness.clock.now.seconds)
    var claims: [String: ClaimValue] = [
      "iss": .string("https://idp.example"), "aud": .string("edge"), "iat": .number(now), "exp": .number(now + 120),
      "jti": .string("one"), "sub": .string("alice-1"),
      "events": .object(["http://schemas.openid.net/event/backchannel-logout": .object([:])]),
    ]
    change(&claims)
    return try harness.provider.sign(claims, type: type)
  }

  @Test func whoSignsOutAtTheProviderIsSignedOutHere() async throws {
    let harness = try await Harness()
    let alice = try await harness.session("alice")
    let again = try await harness.session("alice")
    let bob = try await harness.session("bob")
    #expect(try await harness.identity.backChannelLogout(token(harness)) == 2)
    #expect(harness.identity.session(id: alice.id) == nil)
    #expect(harness.identity.session(id: again.id) == nil)
    #expect(harness.identity.session(id: bob.id) != nil)
  }

  /// Strangers may ask for sessions by the provider's names as often as they like: cookies are looked up meanwhile.
  @Test func lookingThroughAllSessionsHoldsUpNobody() async throws {
    let harness = try await Harness()
    let alice = try await harness.session("alice")
    let directory = harness.identity.sessions
    let found = directory.sessions(at: harness.clock.now) { session in
      directory.session(session.id, at: harness.clock.now) == session
    }
    #expect(found == [alice.id])
  }

  @Test func everybodyMaySignOutAtOnce() {
    var used = UsedTokenIDs()
    let now = UnixTime(seconds: 1_700_000_000)
    let taken = (0..<20_000).filter { used.use("\($0)", now: now) }
    #expect(taken.count == 20_000)
    let again = used.use("7", now: now)
    #expect(!again)
  }

  @Test func oneSessionOfThemAtTheProviderEndsOneHere() async throws {
    let harness = try await Harness()
    harness.provider.change { $0.person["sid"] = .string("laptop") }
    let laptop = try await harness.session("alice")
    harness.provider.change { $0.person["sid"] = .string("phone") }
    let phone = try await harness.session("alice")
    #expect(try await harness.identity.backChannelLogout(token(harness) { $0["sid"] = .string("laptop") }) == 1)
    #expect(harness.identity.session(id: laptop.id) == nil)
    #expect(harness.identity.session(id: phone.id) != nil)
    let bySession = try token(harness) { claims in
      claims["sid"] = .string("phone")
      claims["sub"] = nil
      claims["jti"] = .string("two")
    }
    #expect(try await harness.identity.backChannelLogout(bySession) == 1)
  }

  /// Refreshed tokens of several providers do not name the session again.
  @Test func theSessionAtTheProviderIsKnownAfterARefreshToo() async throws {
    let harness = try await Harness()
    harness.provider.change { $0.person["sid"] = .string("laptop") }
    let alice = try await harness.session("alice")
    harness.provider.change {
      $0.person["sid"] = nil
      $0.person["groups"] = .list([.string("interns")])
    }
    await RefreshTests().refresh(harness)
    #expect(harness.identity.session(id: alice.id)?.subject.groups == ["interns"])
    let bySession = try token(harness) { claims in
      claims["sid"] = .string("laptop")
      claims["sub"] = nil
    }
    #expect(try await harness.identity.backChannelLogout(bySession) == 1)
  }

  private static let wrong: [(String, @Sendable (inout [String: ClaimValue]) -> Void)] = [
    ("issuer", { $0["iss"] = .string("https://other.example") }), ("audience", { $0["aud"] = .string("another") }),
    ("no event", { $0["events"] = .object([:]) }), ("events of another form", { $0["events"] = .string("x") }),
    ("event of another form", { $0["events"] = .object([LogoutToken.event: .bool(true)]) }),
    ("a nonce", { $0["nonce"] = .string("n") }), ("no id", { $0["jti"] = nil }), ("nobody", { $0["sub"] = nil }),
    ("no time", { $0["iat"] = nil }), ("old", { $0["iat"] = .number(1) }),
    ("from the future", { $0["iat"] = .number(9e9) }), ("expired", { $0["exp"] = .number(1) }),
  ]

  @Test(arguments: wrong.indices)
  func whatIsWrongEndsNothing(_ index: Int) async throws {
    let harness = try await Harness()
    let alice = try await harness.session("alice")
    let (name, change) = Self.wrong[index]
    let token = try token(harness, change)
    await #expect(throws: IdentityError.self, "\(name)") { try await harness.identity.backChannelLogout(token) }
    #expect(harness.identity.session(id: alice.id) != nil, "\(name)")
  }

  @Test func neitherAnotherKindOfTokenNorAnotherSignatureDoes() async throws {
    let harness = try await Harness()
    let alice = try await harness.session("alice")
    for text in [
      try token(harness, type: "at+jwt"), try token(harness, type: "id+jwt"), String(try token(harness).dropLast(8)),
      "", "a.b.c", "none",
    ] {
      await #expect(throws: IdentityError.self) { try await harness.identity.backChannelLogout(text) }
    }
    #expect(harness.identity.session(id: alice.id) != nil)
  }

  @Test func aTokenCountsOnce() async throws {
    let harness = try await Harness()
    _ = try await harness.session("alice")
    let text = try token(harness)
    #expect(try await harness.identity.backChannelLogout(text) == 1)
    let anew = try await harness.session("alice")
    await #expect(throws: IdentityError.self) { try await harness.identity.backChannelLogout(text) }
    #expect(harness.identity.session(id: anew.id) != nil)
  }

  /// What the provider wants to hear at the end is stored sealed, and found again after a restart; so is the browser.
  @Test func aRestartForgetsNeitherTheHintNorTheBrowser() async throws {
    let harness = try await Harness()
    harness.provider.change { $0.discovery["end_session_endpoint"] = .string("https://idp.example/logout?a=1") }
    let start = try await harness.identity.beginSignIn(returnTo: .path("/"), cookies: [])
    let finish = try await harness.identity.finishSignIn(
      query: harness.provider.authorize(start.redirect), cookies: [(start.cookie.name, start.cookie.value)],
      browser: SessionBrowser(address: "192.0.2.1", agent: String(repeating: "x", count: 5000)))
    let session = finish.session
    #expect(session.browser?.agent.count == 256)
    let after = try await Harness(clock: harness.clock, store: harness.store, provider: harness.provider)
    #expect(after.identity.session(id: session.id)?.browser == session.browser)
    _ = await after.identity.checkProvider()
    let code = try #require(after.identity.noteProviderSignOut(sessionID: session.id))
    let url = try #require(await after.identity.providerSignOutURL(code: code, returnTo: "https://a.example/"))
    #expect(url.hasPrefix("https://idp.example/logout?a=1&client_id=edge&id_token_hint=eyJ"))
    let hint = try #require(url.split(separator: "id_token_hint=").last?.split(separator: "&").first)
    for record in try await harness.store.records(SessionRecord.kind) {
      #expect(!String(decoding: record.value, as: UTF8.self).contains(hint), "no token is stored in clear")
    }
    // Once, and not for ever.
    #expect(await after.identity.providerSignOutURL(code: code, returnTo: "x")?.contains("id_token_hint") == false)
    let late = try #require(after.identity.noteProviderSignOut(sessionID: session.id))
    harness.clock.advance(seconds: 600)
    #expect(await after.identity.providerSignOutURL(code: late, returnTo: "x")?.contains("id_token_hint") == false)
  }

  @Test func aFullTableOfSignOutsTellsTheProviderNothing() throws {
    var signOuts = ProviderSignOuts()
    let now = UnixTime(seconds: 1_700_000_000)
    let entry = ProviderSignOuts.Entry(hint: "h", client: nil, expiresAt: now.adding(seconds: 600))
    for _ in 0..<ProviderSignOuts.limit { #expect(signOuts.issue(entry, now: now, random: SecureRandom.source) != nil) }
    #expect(signOuts.issue(entry, now: now, random: SecureRandom.source) == nil)
    #expect(signOuts.issue(entry, now: now.adding(seconds: 600), random: SecureRandom.source) != nil)
    #expect(signOuts.count == 1)
  }
}
