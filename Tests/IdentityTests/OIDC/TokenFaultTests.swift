import EdgeCrypto
import Policy
import Testing

@testable import Identity

/// Section 5 of the negative tests for a relying party: whatever a provider, or somebody in its place, gets wrong.
@Suite struct TokenFaultTests {
  struct Fault: Sendable, CustomTestStringConvertible {
    var name: String
    /// Part of the diagnostics: the refusal must be for this reason, and not for another by luck.
    var reason: String
    var alter: @Sendable (inout ScriptedProvider.TokenPlan) -> Void

    var testDescription: String { name }
  }

  static let now = 1_700_000_000.0

  static func claim(_ name: String, _ value: ClaimValue?) -> @Sendable (inout ScriptedProvider.TokenPlan) -> Void {
    { $0.claims[name] = value }
  }

  static let faults: [Fault] = [
    Fault(name: "wrong nonce", reason: "another sign-in", alter: claim("nonce", .string("x"))),
    Fault(name: "no nonce", reason: "no nonce", alter: claim("nonce", nil)),
    Fault(name: "nonce no string", reason: "no nonce", alter: claim("nonce", .number(1))),
    Fault(name: "wrong aud", reason: "\"edge\" was expected", alter: claim("aud", .string("other"))),
    Fault(name: "no aud", reason: "no audience", alter: claim("aud", nil)),
    Fault(name: "empty aud", reason: "was expected", alter: claim("aud", .list([]))),
    Fault(name: "aud with a number", reason: "no string", alter: claim("aud", .list([.string("edge"), .number(1)]))),
    Fault(
      name: "extra aud", reason: "several clients", alter: claim("aud", .list([.string("edge"), .string("other")]))),
    Fault(
      name: "extra aud, wrong azp", reason: "another client",
      alter: {
        $0.claims["aud"] = .list([.string("edge"), .string("other")])
        $0.claims["azp"] = .string("other")
      }),
    Fault(name: "wrong azp", reason: "another client", alter: claim("azp", .string("other"))),
    Fault(name: "azp no string", reason: "another client", alter: claim("azp", .bool(true))),
    Fault(name: "wrong iss", reason: "\"https://evil.example\"", alter: claim("iss", .string("https://evil.example"))),
    Fault(name: "iss with slash", reason: "was expected", alter: claim("iss", .string("https://idp.example/"))),
    Fault(name: "no iss", reason: "no issuer", alter: claim("iss", nil)),
    Fault(name: "expired", reason: "expired 61 s ago", alter: claim("exp", .number(now - 61))),
    Fault(name: "no exp", reason: "no expiry", alter: claim("exp", nil)),
    Fault(name: "exp a string", reason: "no expiry", alter: claim("exp", .string("1800000000"))),
    Fault(name: "exp 1e30", reason: "absurdly late", alter: claim("exp", .number(1e30))),
    Fault(name: "exp in milliseconds", reason: "absurdly late", alter: claim("exp", .number((now + 600) * 1000))),
    Fault(name: "exp negative", reason: "expired", alter: claim("exp", .number(-1e30))),
    Fault(name: "iat in the future", reason: "in the future", alter: claim("iat", .number(now + 3600))),
    Fault(name: "no iat", reason: "when it was made", alter: claim("iat", nil)),
    Fault(name: "nbf in the future", reason: "not valid yet", alter: claim("nbf", .number(now + 61))),
    Fault(name: "no sub", reason: "who signed in", alter: claim("sub", nil)),
    Fault(name: "empty sub", reason: "who signed in", alter: claim("sub", .string(""))),
    Fault(name: "sub a number", reason: "who signed in", alter: claim("sub", .number(7))),
    Fault(name: "sub a list", reason: "who signed in", alter: claim("sub", .list([.string("alice-1")]))),
    Fault(name: "wrong at_hash", reason: "another access token", alter: claim("at_hash", .string("x"))),
    Fault(name: "at_hash no string", reason: "vouches for", alter: claim("at_hash", .number(1))),
    Fault(name: "another key under the right kid", reason: "not the provider's", alter: { $0.key = TestKeys.otherRSA }),
    Fault(
      name: "unknown kid", reason: "no RS256 key with id \"k9\"",
      alter: {
        $0.header["kid"] = .string("k9")
        $0.key = TestKeys.otherRSA
      }),
    Fault(
      name: "alg none", reason: "signed with \"none\"",
      alter: {
        $0.header["alg"] = .string("none")
        $0.signature = { _ in [] }
      }),
    Fault(
      name: "alg nOnE", reason: "signed with \"nOnE\"",
      alter: {
        $0.header["alg"] = .string("nOnE")
        $0.signature = { _ in [] }
      }),
    Fault(
      name: "HS256 with the public key", reason: "signed with \"HS256\"",
      alter: {
        $0.header["alg"] = .string("HS256")
        let secret = Array($0.key.publicKey.spkiPEM().utf8)
        $0.signature = { HMAC.sha256(key: secret, $0) }
      }),
    Fault(
      name: "RS512 said, RS256 signed", reason: "not the provider's",
      alter: { $0.header["alg"] = .string("RS512") }),
    Fault(
      name: "ES256 said of an RSA key", reason: "no ES256 key", alter: { $0.header["alg"] = .string("ES256") }),
    Fault(
      name: "the attacker's key in the header", reason: "not the provider's",
      alter: {
        $0.key = TestKeys.otherRSA
        $0.header["jwk"] = ScriptedProvider.jwk(TestKeys.otherRSA.publicKey, id: "k1")
      }),
    Fault(
      name: "the attacker's key by URL", reason: "no RS256 key",
      alter: {
        $0.key = TestKeys.otherRSA
        $0.header["kid"] = .string("evil")
        $0.header["jku"] = .string("https://idp.example/keys")
      }),
    Fault(name: "crit", reason: "extensions", alter: { $0.header["crit"] = .list([.string("b64")]) }),
    Fault(name: "an access token", reason: "an ID token was expected", alter: { $0.header["typ"] = .string("at+jwt") }),
    Fault(
      name: "truncated signature", reason: "not the provider's",
      alter: { plan in
        plan.signature = {
          Array(((try? TestKeys.rsa.sign($0, algorithm: .rsaPKCS1SHA256)) ?? []).dropLast(8))
        }
      }),
    Fault(
      name: "no signature", reason: "not the provider's",
      alter: { $0.finish = { String($0[...($0.lastIndex(of: ".") ?? $0.startIndex)]) } }),
    Fault(
      name: "two parts", reason: "three parts",
      alter: { $0.finish = { $0.split(separator: ".").dropLast().joined(separator: ".") } }),
    Fault(name: "four parts", reason: "three parts", alter: { $0.finish = { $0 + ".x" } }),
    Fault(name: "padding", reason: "three parts", alter: { $0.finish = { $0 + "=" } }),
    Fault(
      name: "a huge token", reason: "too long", alter: { $0.finish = { $0 + String(repeating: "A", count: 300_000) } }),
  ]

  @Test(arguments: faults) func refuses(_ fault: Fault) async throws {
    let harness = try await Harness()
    harness.provider.change { $0.alter = fault.alter }
    let error = await #expect(throws: IdentityError.self) { try await harness.signIn() }
    #expect(error?.kind == .tokenRefused)
    #expect(error?.diagnostics.contains(fault.reason) == true, "\(error?.diagnostics ?? "")")
    #expect(try await harness.store.records(SessionRecord.kind).isEmpty)
    // It was the fault: without it the same provider signs people in.
    harness.provider.change { $0.alter = nil }
    _ = try await harness.signIn()
  }

  static let harmless: [Fault] = [
    Fault(name: "aud a list", reason: "", alter: claim("aud", .list([.string("edge")]))),
    Fault(name: "aud twice the same", reason: "", alter: claim("aud", .list([.string("edge"), .string("edge")]))),
    Fault(
      name: "several aud and azp", reason: "",
      alter: {
        $0.claims["aud"] = .list([.string("other"), .string("edge")])
        $0.claims["azp"] = .string("edge")
      }),
    Fault(name: "string aud and azp", reason: "", alter: claim("azp", .string("edge"))),
    Fault(name: "no kid", reason: "", alter: { $0.header["kid"] = nil }),
    Fault(name: "no at_hash", reason: "", alter: claim("at_hash", nil)),
    Fault(name: "float auth_time", reason: "", alter: claim("auth_time", .number(now + 0.25))),
    Fault(name: "auth_time 0", reason: "", alter: claim("auth_time", .number(0))),
    Fault(
      name: "float times", reason: "",
      alter: {
        $0.claims["iat"] = .number(now + 0.5)
        $0.claims["exp"] = .number(now + 60.75)
      }),
    Fault(name: "clock 59 s behind", reason: "", alter: claim("exp", .number(now - 59))),
    Fault(name: "clock 59 s ahead", reason: "", alter: claim("iat", .number(now + 59))),
    Fault(name: "nbf now", reason: "", alter: claim("nbf", .number(now))),
    Fault(name: "typ JWT", reason: "", alter: { $0.header["typ"] = .string("JWT") }),
  ]

  @Test(arguments: harmless) func takes(_ quirk: Fault) async throws {
    let harness = try await Harness()
    harness.provider.change { $0.alter = quirk.alter }
    #expect(try await harness.signIn().session.subject.userID == "alice-1")
  }

  struct Algorithm: Sendable, CustomTestStringConvertible {
    var name: String
    var signature: SignatureAlgorithm
    var key: PrivateKey
    var testDescription: String { name }
  }

  @Test(arguments: [
    Algorithm(name: "RS256", signature: .rsaPKCS1SHA256, key: TestKeys.rsa),
    Algorithm(name: "RS384", signature: .rsaPKCS1SHA384, key: TestKeys.rsa),
    Algorithm(name: "RS512", signature: .rsaPKCS1SHA512, key: TestKeys.rsa),
    Algorithm(name: "PS256", signature: .rsaPSSSHA256, key: TestKeys.rsa),
    Algorithm(name: "ES256", signature: .ecdsaSHA256, key: TestKeys.p256),
    Algorithm(name: "ES384", signature: .ecdsaSHA384, key: TestKeys.p384),
    Algorithm(name: "EdDSA", signature: .ed25519, key: TestKeys.ed25519),
  ]) func verifies(_ algorithm: Algorithm) async throws {
    let harness = try await Harness()
    harness.provider.change { state in
      state.key = algorithm.key
      state.algorithm = algorithm.signature
      state.algorithmName = algorithm.name
      // at_hash follows the algorithm's digest.
      let digest = TokenAlgorithm(algorithm.name)?.digest ?? .sha256
      state.alter = { plan in
        let hash = Digest.hash(digest, Array("access".utf8))
        plan.claims["at_hash"] = .string(Base64.encodeURL(Array(hash.prefix(hash.count / 2))))
      }
    }
    _ = try await harness.signIn()
    harness.provider.change {
      $0.alter = {
        $0.key = TestKeys.otherRSA; $0.algorithm = .rsaPKCS1SHA256
      }
    }
    await #expect(throws: IdentityError.self) { try await harness.signIn() }
  }

  @Test func bindsTheAlgorithmToTheKeysOwn() async throws {
    let harness = try await Harness()
    harness.provider.change { state in
      state.publishesKey = false
      state.furtherKeys = [ScriptedProvider.jwk(state.key.publicKey, id: "k1", algorithm: "RS512")]
    }
    let error = await #expect(throws: IdentityError.self) { try await harness.signIn() }
    #expect(error?.diagnostics.contains("no RS256 key") == true)
  }
}
