import EdgeCrypto
import Policy
import Testing

@testable import Identity

/// Keys, signatures and claims that are no honest provider's: each is refused, none costs more than an honest one.
@Suite struct HostileKeysTests {
  private static func keys(_ entries: [ClaimValue]) throws -> ProviderKeys {
    try ProviderKeys(.object(["keys": .list(entries)]))
  }

  private static func rsa(bytes: Int, exponent: [UInt8] = [1, 0, 1], last: UInt8 = 0xff) -> ClaimValue {
    let modulus = [UInt8](repeating: 0xff, count: bytes - 1) + [last]
    return .object([
      "kty": .string("RSA"), "n": .string(Base64.encodeURL(modulus)), "e": .string(Base64.encodeURL(exponent)),
    ])
  }

  private static func point(_ curve: String, x: [UInt8], y: [UInt8]) -> ClaimValue {
    .object([
      "kty": .string("EC"), "crv": .string(curve), "x": .string(Base64.encodeURL(x)),
      "y": .string(Base64.encodeURL(y)),
    ])
  }

  private static let one: [UInt8] = [UInt8](repeating: 0, count: 31) + [1]

  static let unusable: [(String, ClaimValue)] = [
    ("RSA of 512 bits", rsa(bytes: 64)), ("RSA of 1024 bits", rsa(bytes: 128)),
    ("RSA of 65 536 bits", rsa(bytes: 8192)),
    ("RSA with exponent 1", rsa(bytes: 256, exponent: [1])), ("RSA with exponent 0", rsa(bytes: 256, exponent: [0])),
    ("RSA with an even exponent", rsa(bytes: 256, exponent: [1, 0, 0])),
    ("RSA with an exponent as long as the modulus", rsa(bytes: 256, exponent: [UInt8](repeating: 0xff, count: 256))),
    ("RSA with an even modulus", rsa(bytes: 256, last: 0xfe)), ("RSA without a modulus", rsa(bytes: 1, last: 0)),
    ("a point off the curve", point("P-256", x: one, y: one)),
    ("the point at infinity", point("P-256", x: [0], y: [0])),
    ("coordinates beyond the field", point("P-256", x: [UInt8](repeating: 0xff, count: 32), y: one)),
    ("coordinates too long", point("P-256", x: [0] + one, y: one)),
    ("an unknown curve", point("P-192", x: one, y: one)),
    ("secp256k1", point("secp256k1", x: one, y: one)),
    ("X25519", .object(["kty": .string("OKP"), "crv": .string("X25519"), "x": .string(Base64.encodeURL(one))])),
    (
      "Ed25519 of 31 bytes",
      .object(["kty": .string("OKP"), "crv": .string("Ed25519"), "x": .string(Base64.encodeURL(Array(one.dropLast())))])
    ),
    ("a secret", .object(["kty": .string("oct"), "k": .string("AAAA")])),
    ("a key for encryption", .object(["kty": .string("RSA"), "use": .string("enc")])),
  ]

  @Test(arguments: unusable.indices) func leavesOutKeysThatProveNothing(_ index: Int) throws {
    let (name, entry) = Self.unusable[index]
    let keys = try Self.keys([entry, ScriptedProvider.jwk(TestKeys.p256.publicKey, id: nil)])
    for algorithm in ["RS256", "PS512", "ES256", "ES512", "EdDSA"] {
      let count = keys.candidates(keyID: nil, algorithm: try #require(TokenAlgorithm(algorithm))).count
      #expect(count == (algorithm == "ES256" ? 1 : 0), "\(name)")
    }
  }

  /// More than fit into what is fetched: as many as the document could ever name are looked at no longer than a few.
  @Test func looksAtAHandfulOfKeysOnly() throws {
    let good = ScriptedProvider.jwk(TestKeys.p256.publicKey, id: nil)
    let few = try Self.keys([ClaimValue](repeating: good, count: 400_000))
    #expect(few.candidates(keyID: nil, algorithm: try #require(TokenAlgorithm("ES256"))).count == 16)
    let late = try Self.keys([ClaimValue](repeating: .object([:]), count: 128) + [good])
    #expect(late.candidates(keyID: nil, algorithm: try #require(TokenAlgorithm("ES256"))).isEmpty)
  }

  @Test func takesSignaturesOfOneLengthOnly() throws {
    let keys = try Self.keys([ScriptedProvider.jwk(TestKeys.p256.publicKey, id: nil)])
    let content = Self.part(#"{"alg":"ES256"}"#) + "." + Self.part(#"{"sub":"alice"}"#)
    let good = try TestKeys.p256.sign(Array(content.utf8), algorithm: .ecdsaSHA256)
    #expect(throws: Never.self) { try Self.claims(content, good, keys) }
    let wrong: [[UInt8]] = [
      [], [0], Array(good.dropLast()), good + [0], [0] + good, [UInt8](repeating: 0, count: 64),
      [UInt8](repeating: 0xff, count: 64), good + good, [0x30, 0x44, 0x02, 0x20] + good,
      Array(good.prefix(32)) + [UInt8](repeating: 0, count: 32), [UInt8](repeating: 1, count: 100_000),
    ]
    for signature in wrong { #expect(throws: TokenFault.self) { try Self.claims(content, signature, keys) } }
  }

  /// The same bytes have one text: what verifies cannot be changed on the way.
  @Test(arguments: ["=", "==", " ", "\n", "A", ".", "\u{0}", "é", "%3D"]) func knowsOneTextOfAToken(_ more: String)
    throws
  {
    let keys = try Self.keys([ScriptedProvider.jwk(TestKeys.p256.publicKey, id: nil)])
    let content = Self.part(#"{"alg":"ES256"}"#) + "." + Self.part(#"{"sub":"alice"}"#)
    let token = content + "." + Base64.encodeURL(try TestKeys.p256.sign(Array(content.utf8), algorithm: .ecdsaSHA256))
    #expect(throws: Never.self) { try SignedToken(token).claims(verifiedBy: keys) }
    for changed in [token + more, more + token, token.replacing(".", with: "." + more, maxReplacements: 1)] {
      #expect(throws: TokenFault.self) { try SignedToken(changed).claims(verifiedBy: keys) }
    }
    // The alphabet of plain base64, and bits behind the last byte.
    #expect(throws: TokenFault.self) { try SignedToken("+/8." + token) }
    #expect(Base64.decodeURL("QQ") == [0x41] && Base64.decodeURL("QR") == nil && Base64.decodeURL("Q+") == nil)
  }

  static let payloads: [String] = [
    #"{"sub":"alice-1","sub":"bob-1"}"#, "[]", "null", "\"alice\"", "{", "", "{\"sub\":\"\u{0}\"}",
    #"{"exp":1e999}"#, #"{"exp":-1e999}"#, "{\"a\":" + String(repeating: "9", count: 400) + "}",
    String(repeating: "{\"a\":", count: 200) + "1" + String(repeating: "}", count: 200),
    String(repeating: "[", count: 150_000),
  ]

  /// Signed by the right key: the provider itself lies, or its application lets people write into its claims.
  @Test(arguments: payloads.indices) func readsOnePlainObject(_ index: Int) throws {
    let keys = try Self.keys([ScriptedProvider.jwk(TestKeys.p256.publicKey, id: nil)])
    let content = Self.part(#"{"alg":"ES256"}"#) + "." + Self.part(Self.payloads[index])
    let signature = try TestKeys.p256.sign(Array(content.utf8), algorithm: .ecdsaSHA256)
    #expect(throws: TokenFault.self) { try Self.claims(content, signature, keys) }
  }

  @Test func bytesThatAreNoTextAreNoClaims() throws {
    let keys = try Self.keys([ScriptedProvider.jwk(TestKeys.p256.publicKey, id: nil)])
    let payload: [UInt8] = Array(#"{"sub":""#.utf8) + [0xc3, 0x28, 0xed, 0xa0, 0x80] + Array(#""}"#.utf8)
    let content = Self.part(#"{"alg":"ES256"}"#) + "." + Base64.encodeURL(payload)
    let signature = try TestKeys.p256.sign(Array(content.utf8), algorithm: .ecdsaSHA256)
    #expect(throws: TokenFault.self) { try Self.claims(content, signature, keys) }
  }

  /// To Swift's `==` the sign for Kelvin is a K; to us it is another client, issuer and person.
  @Test(arguments: ["iss", "aud", "azp"]) func comparesByteByByte(_ claim: String) async throws {
    let harness = try await Harness {
      $0.provider.issuer = "https://idp.example/K"
      $0.provider.clientID = "K"
    }
    harness.provider.change { state in
      state.issuer = "https://idp.example/K"
      state.alter = { plan in
        plan.claims["aud"] = .string("K")
        plan.claims["azp"] = .string("K")
      }
    }
    _ = try await harness.signIn()
    harness.provider.change { state in
      state.alter = { plan in
        plan.claims["aud"] = .string("K")
        plan.claims[claim] = .string(claim == "iss" ? "https://idp.example/\u{212a}" : "\u{212a}")
      }
    }
    let error = await #expect(throws: IdentityError.self) { try await harness.signIn() }
    #expect(error?.kind == .tokenRefused)
  }

  @Test func aNumberOfAMillionDigitsIsRefusedSoon() throws {
    #expect(throws: JSONFault.self) { try JSONReader.parse([UInt8](repeating: 0x39, count: 1 << 20)) }
    let fraction = Array("0.".utf8) + [UInt8](repeating: 0x39, count: 1 << 20)
    #expect(try JSONReader.parse(fraction) == .number(1))
  }

  private static func part(_ text: String) -> String { Base64.encodeURL(Array(text.utf8)) }

  private static func claims(_ content: String, _ signature: [UInt8], _ keys: ProviderKeys) throws -> ClaimValue {
    try SignedToken(content + "." + Base64.encodeURL(signature)).claims(verifiedBy: keys)
  }
}
