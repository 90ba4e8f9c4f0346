import EdgeCrypto
import Policy
import TestSupport
import Testing

@testable import Identity

/// Every way in which a job's token can be wrong.
@Suite struct WorkloadTokenTests {
  @Test func anHonestTokenIsTaken() async throws {
    let harness = try await JobHarness()
    let binding = try await harness.bind()
    #expect(binding.account == "ci" && binding.job == "repo:org/app:ref:refs/heads/main")
    #expect(binding.expiresAt == harness.clock.now.adding(seconds: 600))
    #expect(harness.subject()?.serviceAccount == "ci")
    #expect(harness.issuer.fetched == ["/.well-known/openid-configuration", "/keys"])
  }

  /// Claims that are wrong by themselves, each with a word of the answer.
  @Test(
    arguments: [
      ("iss", .string("https://other.example"), "other.example"), ("iss", nil, "trusts"),
      ("iss", .string("https://jobs.example/"), "trusts"), ("iss", .list([.string("https://jobs.example")]), "trusts"),
      ("aud", nil, "audience"), ("aud", .number(7), "one audience"), ("aud", .list([]), "one audience"),
      ("aud", .list([.string(JobIssuer.audience), .string("x")]), "one audience"),
      ("aud", .list([.string(JobIssuer.audience), .number(1)]), "one audience"), ("aud", .string(""), "one audience"),
      ("aud", .object([:]), "one audience"), ("sub", nil, "`sub`"), ("sub", .string(""), "`sub`"),
      ("sub", .number(1), "`sub`"), ("sub", .string(String(repeating: "a", count: 1025)), "`sub`"),
      ("exp", nil, "no expiry"), ("exp", .string("4000000000"), "no expiry"), ("exp", .number(-1), "no expiry"),
      ("exp", .number(1e300), "no expiry"), ("exp", .number(1_699_999_999), "expired"),
      ("exp", .number(1_700_000_000), "expired 0 s ago"), ("exp", .number(1_700_086_401), "longer than 24 hours"),
      ("iat", nil, "when it was made"), ("iat", .string("now"), "when it was made"),
      ("iat", .number(1_700_000_061), "in the future"), ("iat", .number(1_699_900_000), "longer than 24 hours"),
      ("nbf", .number(1_700_000_061), "not valid yet"), ("nbf", .string("x"), "not valid yet"),
      ("jti", .number(7), "jti"), ("jti", .string(""), "jti"),
      ("jti", .string(String(repeating: "a", count: 1025)), "jti"),
    ] as [(String, ClaimValue?, String)])
  func aTokenThatIsWrong(_ claim: String, _ value: ClaimValue?, _ word: String) async throws {
    let harness = try await JobHarness()
    let refusal = try #require(try await harness.refusal(try harness.issuer.token([claim: value])))
    #expect(refusal.kind == .untrusted && refusal.status == 401)
    #expect(refusal.message.contains(word), "\(refusal.message)")
    #expect(harness.admit() == .notOne)
  }

  /// Good tokens that no account takes: the answer does not tell what would be.
  @Test(
    arguments: [
      ("aud", .string("https://edge.example/"), "the audience is"),
      ("aud", .string("HTTPS://edge.example"), "audience"),
      ("repository", .string("org/app2"), "`repository`"), ("repository", nil, "`repository`"),
      ("repository", .string("ORG/app"), "`repository`"), ("azp", .string("somebody"), "azp"),
      ("azp", .number(7), "azp"),
    ] as [(String, ClaimValue?, String)])
  func aTokenThatIsNotOurs(_ claim: String, _ value: ClaimValue?, _ word: String) async throws {
    let harness = try await JobHarness()
    let refusal = try #require(try await harness.refusal(try harness.issuer.token([claim: value])))
    #expect(refusal.kind == .forbidden && refusal.status == 403)
    #expect(refusal.diagnostics.contains(word), "\(refusal.diagnostics)")
    #expect(!refusal.message.contains("org/app\"") && !refusal.message.contains("azp"))
  }

  @Test func whatIsNearlyWrongIsTaken() async throws {
    let harness = try await JobHarness()
    for changes: [String: ClaimValue?] in [
      ["iat": .number(1_700_000_060)], ["nbf": .number(1_700_000_060)], ["exp": .number(1_700_000_000.5 + 1)],
      ["aud": .list([.string(JobIssuer.audience)])], ["azp": .string(JobIssuer.audience)], ["jti": nil],
      ["exp": .number(1_700_086_400)],
    ] { try await harness.bind(try harness.issuer.token(changes)) }
  }

  @Test func anEntryMaySayWhoAsksForTheToken() async throws {
    let clock = TestClock()
    var account = try JobHarness.account(clock: clock)
    account.workloads = [try JobHarness.trust(azp: "117")]
    let harness = try await JobHarness(clock: clock, [account])
    try await harness.bind(try harness.issuer.token(["azp": .string("117")]))
    #expect(try await harness.refusal(try harness.issuer.token(["azp": .string("118")]))?.kind == .forbidden)
    #expect(try await harness.refusal(try harness.issuer.token())?.kind == .forbidden)
  }

  @Test func onlySignaturesOfTheIssuerCount() async throws {
    let harness = try await JobHarness()
    let issuer = harness.issuer
    let honest = try issuer.token()
    let parts = honest.split(separator: ".").map(String.init)
    let none = Base64.encodeURL(Array(#"{"alg":"none"}"#.utf8)) + "." + parts[1] + "."
    let secret = HMACKey(key: Array(TestKeys.rsa.publicKey.spkiPEM().utf8))
    let macHead = Base64.encodeURL(Array(#"{"alg":"HS256","kid":"k1"}"#.utf8)) + "." + parts[1]
    var tokens = [none, macHead + "." + Base64.encodeURL(secret.tag(Array(macHead.utf8)))]
    tokens += [
      try issuer.token(key: TestKeys.otherRSA), try issuer.token(header: ["alg": .string("RS512")]),
      try issuer.token(header: ["alg": .string("ES256")]), try issuer.token(header: ["alg": nil]),
      try issuer.token(header: ["kid": .string("k2")]), try issuer.token(header: ["crit": .list([.string("b64")])]),
      try issuer.token(header: ["typ": .string("at+jwt")]), try issuer.token(header: ["typ": .string("logout+jwt")]),
      try issuer.token(
        header: ["jwk": ScriptedProvider.jwk(TestKeys.otherRSA.publicKey, id: "k1")], key: TestKeys.otherRSA),
      try issuer.token(header: ["jku": .string("https://evil.example/keys")], key: TestKeys.otherRSA),
      parts[0] + "." + parts[1] + ".", parts[0] + "." + parts[1], honest + ".x", "", ".", "..", "a.b.c",
      parts[0] + "." + Base64.encodeURL(Array("[]".utf8)) + "." + parts[2],
      parts[0] + "." + parts[1] + "." + String(parts[2].dropLast(8)), honest + "=",
    ]
    for token in tokens {
      // Each from an address of its own, so that none is refused for their number.
      let refusal = try #require(try await harness.refusal(token), "\(token)")
      #expect(refusal.kind == .untrusted, "\(refusal) for \(token)")
    }
    #expect(try await harness.refusal(String(repeating: "a", count: 17_000))?.kind == .badRequest)
    #expect(harness.admit() == .notOne)
    try await harness.bind(honest)
  }

  @Test func withoutAKeyIDTheOnlyFittingKeyCounts() async throws {
    let harness = try await JobHarness()
    let token = try harness.issuer.token(header: ["kid": nil])
    // A key of another kind fits no RS256.
    harness.issuer.change { $0.furtherKeys = [ScriptedProvider.jwk(TestKeys.p256.publicKey, id: "ec")] }
    try await harness.bind(token)

    let other = try await JobHarness()
    other.issuer.change { $0.furtherKeys = [ScriptedProvider.jwk(TestKeys.otherRSA.publicKey, id: "k0")] }
    let refusal = try await other.refusal(try other.issuer.token(header: ["kid": nil]))
    #expect(refusal?.message.contains("names no key") == true)
    try await other.bind()
  }

  @Test func keysThatChangeAreFetchedAgainAndNotTooOften() async throws {
    let harness = try await JobHarness()
    try await harness.bind()
    harness.issuer.change {
      $0.key = TestKeys.otherRSA
      $0.keyID = "k2"
    }
    try await harness.bind(try harness.issuer.token())
    #expect(harness.issuer.fetched.count(where: { $0 == "/keys" }) == 2)
    // Made-up ids fetch keys a few times, and then no more.
    for number in 0..<20 {
      let forged = try harness.issuer.token(header: ["kid": .string("x\(number)")])
      #expect(try await harness.refusal(forged)?.kind == .untrusted)
    }
    #expect(harness.issuer.fetched.count(where: { $0 == "/keys" }) <= 7)
  }

  @Test func keysThatWereTakenBackCountForAnHourAtMost() async throws {
    let harness = try await JobHarness()
    try await harness.bind()
    harness.issuer.change { $0.keysBody = Array(#"{"keys":[]}"#.utf8) }
    harness.clock.advance(seconds: 3600)
    #expect(try await harness.refusal()?.kind == .untrusted)
  }

  @Test func anIssuerThatFailsIsAskedAgainLater() async throws {
    let harness = try await JobHarness()
    for fault: @Sendable (inout JobIssuer.State) -> Void in [
      { $0.failure = .timedOut }, { $0.status = 500 }, { $0.keysBody = Array("oops".utf8) },
      { $0.keysBody = [UInt8](repeating: 0x20, count: IssuerKeys.maximumBytes + 1) },
      { $0.keysBody = Array(#"{"keys":{}}"#.utf8) }, { $0.description["issuer"] = .string("https://evil.example") },
      { $0.description["jwks_uri"] = nil }, { $0.description["jwks_uri"] = .string("http://jobs.example/keys") },
    ] {
      harness.issuer.change { $0 = .init() }
      harness.issuer.change(fault)
      harness.clock.advance(seconds: 3)
      let refusal = try await harness.refusal()
      #expect(refusal?.kind == .unavailable && refusal?.retryAfter == 2, "\(String(describing: refusal))")
      let asked = harness.issuer.fetched.count
      #expect(try await harness.refusal()?.kind == .unavailable)
      #expect(harness.issuer.fetched.count == asked, "asked again at once")
    }
    harness.issuer.change { $0 = .init() }
    harness.clock.advance(seconds: 3)
    try await harness.bind()
  }

  @Test func anEntryMaySayWhereTheKeysAre() async throws {
    let clock = TestClock()
    var account = try JobHarness.account(clock: clock)
    account.workloads[0].issuer.keysURL = JobIssuer.name + "/keys"
    let harness = try await JobHarness(clock: clock, [account])
    try await harness.bind()
    #expect(harness.issuer.fetched == ["/keys"])
  }

  @Test func otherKindsOfKeys() async throws {
    for (key, name, algorithm): (PrivateKey, String, SignatureAlgorithm) in [
      (TestKeys.p256, "ES256", .ecdsaSHA256), (TestKeys.p384, "ES384", .ecdsaSHA384),
      (TestKeys.ed25519, "EdDSA", .ed25519), (TestKeys.rsa, "PS256", .rsaPSSSHA256),
    ] {
      let harness = try await JobHarness()
      harness.issuer.change { $0.key = key }
      try await harness.bind(
        try harness.issuer.token(header: ["alg": .string(name)], key: key, algorithm: algorithm))
    }
  }
}
