import EdgeCrypto
import Testing

@Suite struct PublicKeyTests {
  @Test func weakAndBrokenRSAKeysAreRefused() throws {
    let modulus = Vectors.rsaModulus
    #expect(throws: CryptoError.self) { try PublicKey(.rsa(modulus: [], exponent: [1, 0, 1])) }
    #expect(kind { try PublicKey(.rsa(modulus: Array(modulus.prefix(128)), exponent: [3])) } == .weakKey)
    #expect(kind { try PublicKey(.rsa(modulus: [UInt8](repeating: 255, count: 1025), exponent: [3])) } == .weakKey)
    #expect(kind { try PublicKey(.rsa(modulus: modulus, exponent: [])) } == .weakKey)
    #expect(kind { try PublicKey(.rsa(modulus: modulus, exponent: [1])) } == .weakKey)
    #expect(kind { try PublicKey(.rsa(modulus: modulus, exponent: [2])) } == .weakKey)
    #expect(kind { try PublicKey(.rsa(modulus: modulus, exponent: [1, 0, 0, 0, 1])) } == .weakKey)
    #expect(kind { try PublicKey(.rsa(modulus: Array(modulus.dropLast()) + [0], exponent: [3])) } == .weakKey)
    #expect(
      try PublicKey(.rsa(modulus: [0] + modulus, exponent: [0, 1, 0, 1])).parts
        == .rsa(modulus: modulus, exponent: [1, 0, 1]))
  }

  @Test func pointsOffTheCurveAreRefused() {
    var point = Vectors.p256Point
    point[64] ^= 1
    #expect(kind { try PublicKey(.ecdsa(.p256, point: point)) } == .malformed)
    #expect(kind { try PublicKey(.ecdsa(.p384, point: Vectors.p256Point)) } == .malformed)
    #expect(kind { try PublicKey(.ecdsa(.p256, point: [0])) } == .malformed)
    #expect(kind { try PublicKey(.ecdsa(.p256, point: [])) } == .malformed)
    #expect(kind { try PublicKey(.ecdsa(.p256, point: [2] + Vectors.p256Point[1...32])) } == .malformed)
    #expect(kind { try PublicKey(.ecdsa(.p256, point: [4] + [UInt8](repeating: 0, count: 64))) } == .malformed)
    #expect(kind { try PublicKey(.ed25519([1, 2, 3])) } == .malformed)
  }

  @Test func thumbprintMatchesRFC7638() throws {
    // Section 3.1.
    let n =
      "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWK"
      + "RXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMic"
      + "AtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3"
      + "XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    let key = try PublicKey(jwk: JSONWebKey(kty: "RSA", n: n, e: "AQAB", kid: "2011-04-29", alg: "RS256"))
    #expect(key.thumbprint == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")
    // RFC 8037 appendix A.3.
    let edwards = try PublicKey(
      jwk: JSONWebKey(kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"))
    #expect(edwards.thumbprint == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")
  }

  @Test(arguments: [
    PrivateKey.Kind.ed25519, .ecdsa(.p256), .ecdsa(.p384), .ecdsa(.p521), .rsa(bits: 2048),
  ])
  func everyFormGivesTheSameKey(kind: PrivateKey.Kind) throws {
    let key = try PrivateKey.generate(kind).publicKey
    #expect(try PublicKey(jwk: key.jwk) == key)
    #expect(try PublicKey(pem: key.spkiPEM()) == key)
    #expect(try PublicKey(key.parts).spkiDER() == key.spkiDER())
    #expect(key.spkiSHA256 == Digest.sha256(key.spkiDER()))
  }

  @Test(arguments: [
    JSONWebKey(kty: "oct"), JSONWebKey(kty: "RSA"), JSONWebKey(kty: "RSA", n: "AQ", e: "AQAB"),
    JSONWebKey(kty: "RSA", n: "!!", e: "AQAB"), JSONWebKey(kty: "EC", crv: "secp256k1", x: "AA", y: "AA"),
    JSONWebKey(kty: "EC", crv: "P-256", x: "AA", y: "AA"), JSONWebKey(kty: "OKP", crv: "X25519", x: "AA"),
    JSONWebKey(kty: "OKP", crv: "Ed25519", x: "AA"), JSONWebKey(kty: ""),
  ])
  func brokenJSONWebKeysAreRefused(jwk: JSONWebKey) {
    #expect(throws: CryptoError.self) { try PublicKey(jwk: jwk) }
  }

  @Test func signaturesOfRFC7515Verify() throws {
    // Appendix A.3.
    let key = try PublicKey(
      jwk: JSONWebKey(
        kty: "EC", crv: "P-256", x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"))
    let signed =
      "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    let signature = try #require(
      Base64.decodeURL("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"))
    #expect(key.verify(signature, over: Array(signed.utf8), algorithm: .ecdsaSHA256))
  }

  @Test(arguments: ["", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "ssh-ed25519 AAAA", "\0"])
  func textThatIsNoKeyIsRefused(text: String) {
    #expect(throws: CryptoError.self) { try PublicKey(pem: text) }
  }
}

/// The kind of error that a body throws, nil when it does not.
func kind<Result>(_ body: () throws -> Result) -> CryptoError.Kind? {
  do {
    _ = try body()
    return nil
  } catch {
    return (error as? CryptoError)?.kind
  }
}
