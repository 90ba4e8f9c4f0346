import EdgeCrypto
import Policy
import Synchronization
import Testing

@testable import Identity

/// A provider that is down, wrong, or somebody else.
@Suite struct ProviderFaultTests {
  struct Fault: Sendable, CustomTestStringConvertible {
    var name: String
    var kind: IdentityError.Kind
    var reason: String
    var change: @Sendable (inout ScriptedProvider.State) -> Void
    var testDescription: String { name }
  }

  static let faults: [Fault] = [
    Fault(
      name: "discovery down", kind: .providerUnreachable, reason: "idp.example", change: { $0.failure = .cannotConnect }
    ),
    Fault(
      name: "discovery 500", kind: .providerUnreachable, reason: "status 500", change: { $0.discoveryStatus = 500 }),
    Fault(name: "discovery 404", kind: .providerMisbehaved, reason: "status 404", change: { $0.discoveryStatus = 404 }),
    Fault(
      name: "discovery redirects", kind: .providerMisbehaved, reason: "status 302", change: { $0.discoveryStatus = 302 }
    ),
    Fault(
      name: "discovery of another issuer", kind: .providerMisbehaved,
      reason: "idp_provider_url says \"https://idp.example\"",
      change: { $0.discovery["issuer"] = .string("https://idp.example/dex") }),
    Fault(
      name: "issuer with a slash", kind: .providerMisbehaved, reason: "says \"https://idp.example/\"",
      change: { $0.discovery["issuer"] = .string("https://idp.example/") }),
    Fault(
      name: "no issuer", kind: .providerMisbehaved, reason: "no issuer", change: { $0.discovery["issuer"] = .null }),
    Fault(
      name: "no token endpoint", kind: .providerMisbehaved, reason: "token_endpoint",
      change: { $0.discovery["token_endpoint"] = .null }),
    Fault(
      name: "keys by file", kind: .providerMisbehaved, reason: "jwks_uri",
      change: { $0.discovery["jwks_uri"] = .string("file:///etc/passwd") }),
    Fault(
      name: "keys by plain http", kind: .providerMisbehaved, reason: "plain http",
      change: { $0.discovery["jwks_uri"] = .string("http://idp.example/keys") }),
    Fault(
      name: "keys 500 with a good body", kind: .providerUnreachable, reason: "/keys", change: { $0.keysStatus = 500 }),
    Fault(
      name: "keys no JSON", kind: .providerMisbehaved, reason: "/keys", change: { $0.keysBody = Array("<html>".utf8) }),
    Fault(
      name: "keys no list", kind: .providerMisbehaved, reason: "no list of keys",
      change: { $0.keysBody = Array("{}".utf8) }),
    Fault(
      name: "400 000 keys", kind: .providerMisbehaved, reason: "longer than",
      change: { $0.keysBody = [UInt8](repeating: 0x20, count: 2 << 20) }),
    Fault(
      name: "no key for the token", kind: .tokenRefused, reason: "no RS256 key", change: { $0.publishesKey = false }),
    Fault(
      name: "no id_token", kind: .tokenRefused, reason: "no id_token",
      change: { $0.alterAnswer = { $0["id_token"] = nil } }),
    Fault(
      name: "id_token no string", kind: .tokenRefused, reason: "no id_token",
      change: { $0.alterAnswer = { $0["id_token"] = .number(1) } }),
    Fault(
      name: "no access token but its hash", kind: .tokenRefused, reason: "did not come",
      change: { $0.alterAnswer = { $0["access_token"] = nil } }),
    Fault(
      name: "tokens of another type", kind: .providerMisbehaved, reason: "\"mac\"",
      change: { $0.alterAnswer = { $0["token_type"] = .string("mac") } }),
    Fault(
      name: "token answer no JSON", kind: .providerMisbehaved, reason: "no JSON object",
      change: { $0.tokenBody = Array("id_token=x".utf8) }),
    Fault(
      name: "token answer a list", kind: .providerMisbehaved, reason: "no JSON object",
      change: { $0.tokenBody = Array("[]".utf8) }),
    Fault(
      name: "64 MiB token answer", kind: .providerMisbehaved, reason: "longer than",
      change: { $0.tokenBody = [UInt8](repeating: 0x20, count: (1 << 20) + 1) }),
    Fault(
      name: "token endpoint 500", kind: .providerUnreachable, reason: "status 500", change: { $0.tokenStatus = 500 }),
    Fault(
      name: "bad secret 401", kind: .providerMisbehaved, reason: "idp_client_secret",
      change: {
        $0.tokenStatus = 401
        $0.tokenBody = Array(#"{"error":"invalid_client"}"#.utf8)
      }),
    Fault(
      name: "bad secret 403", kind: .providerMisbehaved, reason: "idp_client_secret",
      change: {
        $0.tokenStatus = 403
        $0.tokenBody = Array(#"{"error":"unauthorized_client"}"#.utf8)
      }),
    Fault(
      name: "code used twice, 403", kind: .expired, reason: "invalid_code",
      change: {
        $0.tokenStatus = 403
        $0.tokenBody = Array(#"{"error":"invalid_code"}"#.utf8)
      }),
    Fault(
      name: "userinfo of somebody else", kind: .tokenRefused, reason: "userinfo is about \"bob-1\"",
      change: {
        $0.person["email"] = nil
        $0.userinfo = ["sub": .string("bob-1"), "email": .string("bob@example.test")]
      }),
    Fault(
      name: "userinfo without sub", kind: .tokenRefused, reason: "userinfo is about \"nobody\"",
      change: {
        $0.person["email"] = nil
        $0.userinfo = ["email": .string("bob@example.test")]
      }),
  ]

  @Test(arguments: faults) func refuses(_ fault: Fault) async throws {
    let harness = try await Harness()
    harness.provider.change(fault.change)
    let error = await #expect(throws: IdentityError.self) { try await harness.signIn() }
    #expect(error?.kind == fault.kind)
    #expect(error?.diagnostics.contains(fault.reason) == true, "\(error?.diagnostics ?? "")")
    #expect(error?.message.contains("idp.example") == false)
  }

  @Test func namesBothIssuersWhenTheyDiffer() async throws {
    let harness = try await Harness()
    harness.provider.change { $0.discovery["issuer"] = .string("http://localhost:5556/dex") }
    let error = try #require(await harness.identity.checkProvider())
    #expect(error.diagnostics.contains("\"https://idp.example\""))
    #expect(error.diagnostics.contains("\"http://localhost:5556/dex\""))
    #expect(error.diagnostics.contains("containers"))
    #expect(error.message.contains("log"))
  }

  @Test func neverShowsHowTheSecretLooks() async throws {
    let harness = try await Harness()
    harness.provider.change {
      $0.tokenStatus = 400
      $0.tokenBody = Array(#"{"error":"invalid_request","error_description":"\u001b[31m\u202eboo"}"#.utf8)
    }
    let error = await #expect(throws: IdentityError.self) { try await harness.signIn() }
    #expect(error?.diagnostics.contains("\u{1b}") == false)
    #expect(error?.diagnostics.contains(#"\u{1b}[31m\u{202e}boo"#) == true)
    #expect("\(error.map { "\($0)" } ?? "")".contains("s3cret") == false)
  }

  @Test func skipsKeysItCannotUse() async throws {
    let harness = try await Harness()
    harness.provider.change { state in
      state.furtherKeys = [
        .object(["kty": .string("RSA"), "n": .string("!!!"), "e": .string("AQAB"), "kid": .string("k1")]),
        .object(["kty": .string("post-quantum"), "kid": .string("k1")]), .string("no object"), .object([:]),
        .object(["kty": .string("EC"), "crv": .string("P-256"), "x": .string("AQ"), "y": .string("AQ")]),
        .object(["kty": .string("oct"), "k": .string("AAAA"), "kid": .string("k1")]),
      ]
    }
    _ = try await harness.signIn()
  }

  @Test func triesEveryKeyWithoutAnID() async throws {
    let harness = try await Harness()
    harness.provider.change { state in
      state.publishesKey = false
      state.furtherKeys = [
        ScriptedProvider.jwk(TestKeys.otherRSA.publicKey, id: nil),
        ScriptedProvider.jwk(TestKeys.rsa.publicKey, id: nil),
      ]
      state.alter = { $0.header["kid"] = nil }
    }
    _ = try await harness.signIn()
  }

  @Test func asksForKeysAgainWhenTheyWereRotated() async throws {
    let harness = try await Harness()
    _ = try await harness.signIn()
    _ = try await harness.signIn()
    #expect(harness.provider.requests(to: "/keys").count == 1)
    harness.provider.change {
      $0.key = TestKeys.otherRSA
      $0.keyID = "k2"
    }
    _ = try await harness.signIn()
    #expect(harness.provider.requests(to: "/keys").count == 2)
    // The same id for another key: a provider that lost its memory.
    harness.provider.change { $0.key = TestKeys.rsa }
    _ = try await harness.signIn()
    #expect(harness.provider.requests(to: "/keys").count == 3)
  }

  @Test func asksForKeysAFewTimesOnly() async throws {
    let harness = try await Harness()
    _ = try await harness.signIn()
    harness.provider.change { $0.alter = { $0.header["kid"] = .string("unknown") } }
    for _ in 0..<20 { await #expect(throws: IdentityError.self) { try await harness.signIn() } }
    #expect(harness.provider.requests(to: "/keys").count == 6)
    harness.clock.advance(seconds: 30)
    await #expect(throws: IdentityError.self) { try await harness.signIn() }
    #expect(harness.provider.requests(to: "/keys").count == 7)
  }

  @Test func asksOnceForManySignInsAtOnce() async throws {
    let harness = try await Harness()
    try await withThrowingDiscardingTaskGroup { group in
      for _ in 0..<20 { group.addTask { _ = try await harness.signIn() } }
    }
    #expect(harness.provider.requests(to: "/.well-known/openid-configuration").count == 1)
    #expect(harness.provider.requests(to: "/keys").count == 1)
  }

  @Test func usesOldDiscoveryWhileTheProviderIsDown() async throws {
    let harness = try await Harness()
    let client = ProviderClient(
      configuration: Harness.configuration().provider, fetcher: harness.provider, clock: harness.clock.source)
    let first = try await client.discover()
    harness.clock.advance(seconds: 3600)
    harness.provider.change { $0.failure = .timedOut }
    #expect(try await client.discover() == first)
  }
}

/// What becomes of claims (security rule 29).
@Suite struct ClaimTests {
  struct Case: Sendable {
    var verified: ClaimValue?
    var trusted: Bool?
    var issuer = "https://idp.example"
    var expected: Bool
  }

  @Test(arguments: [
    Case(verified: .bool(true), trusted: nil, expected: true),
    Case(verified: .bool(false), trusted: true, expected: false),
    Case(verified: .string("true"), trusted: false, expected: true),
    Case(verified: .string("false"), trusted: true, expected: false),
    Case(verified: .number(1), trusted: true, expected: false),
    Case(verified: nil, trusted: nil, expected: true),
    Case(verified: nil, trusted: false, expected: false),
    Case(verified: nil, trusted: nil, issuer: "https://login.microsoftonline.com/common/v2.0", expected: false),
    Case(verified: nil, trusted: nil, issuer: "https://login.microsoftonline.com/1f2e/v2.0", expected: true),
  ]) func believesAddresses(_ test: Case) async throws {
    let harness = try await Harness {
      $0.provider.issuer = test.issuer
      $0.provider.emailTrusted = test.trusted
    }
    harness.provider.change {
      $0.issuer = test.issuer
      $0.person["email_verified"] = test.verified
    }
    #expect(try await harness.signIn().session.subject.emailIsTrusted == test.expected)
  }

  @Test func takesFromUserinfoWhatTheTokenLeftOut() async throws {
    let harness = try await Harness()
    harness.provider.change {
      $0.person = ["sub": .string("alice-1"), "name": .string("Alice of the token")]
      $0.userinfo = [
        "sub": .string("alice-1"), "name": .string("Alice of userinfo"), "email": .string("a@example.test"),
        "email_verified": .bool(false), "groups": .list([.string("staff"), .number(1)]),
      ]
    }
    let subject = try await harness.signIn().session.subject
    #expect(subject.name == "Alice of the token")
    #expect(subject.email == "a@example.test")
    #expect(!subject.emailIsTrusted)
    #expect(subject.groups == ["staff"])
  }

  @Test func neverLetsOneDocumentVouchForTheAddressOfTheOther() async throws {
    let harness = try await Harness()
    harness.provider.change {
      $0.person = ["sub": .string("alice-1"), "email": .string("ceo@example.test"), "name": .string("A")]
      $0.userinfo = ["sub": .string("alice-1"), "email": .string("a@example.test"), "email_verified": .bool(true)]
    }
    var harsh = try await Harness(provider: harness.provider) { $0.provider.emailTrusted = false }
    #expect(try await harsh.signIn().session.subject.emailIsTrusted == false)
    harness.provider.change {
      $0.person = ["sub": .string("alice-1"), "email_verified": .bool(true)]
      $0.userinfo = ["sub": .string("alice-1"), "email": .string("a@example.test")]
    }
    harsh = try await Harness(provider: harness.provider) { $0.provider.emailTrusted = false }
    #expect(try await harsh.signIn().session.subject.emailIsTrusted == false)
  }

  /// A rule that denies a group would let its members in.
  @Test(arguments: [500, 401, 403, 404]) func signsNobodyInWithoutTheGroupsThatUserinfoKnows(_ status: Int) async throws
  {
    let harness = try await Harness()
    harness.provider.change {
      $0.person["groups"] = nil
      $0.userinfo = [:]
      $0.userinfoStatus = status
    }
    await #expect(throws: IdentityError.self) { try await harness.signIn() }
    harness.provider.change {
      $0.userinfo = ["sub": $0.person["sub"] ?? .null, "groups": .list([.string("staff")])]
      $0.userinfoStatus = 200
    }
    #expect(try await harness.signIn().session.subject.groups == ["staff"])
  }

  @Test func signsInWithoutUserinfoWhereTheTokenSaysAll() async throws {
    let harness = try await Harness()
    harness.provider.change {
      $0.person["email"] = .string("a@example.test")
      $0.person["groups"] = .list([.string("staff")])
      $0.userinfo = [:]
      $0.userinfoStatus = 500
    }
    #expect(try await harness.signIn().session.subject.groups == ["staff"])
  }

  @Test func readsGroupsFromTheConfiguredClaim() async throws {
    let harness = try await Harness { $0.provider.groupsClaim = "roles" }
    harness.provider.change { $0.person["roles"] = .string("admins") }
    #expect(try await harness.signIn().session.subject.groups == ["admins"])
  }
}
