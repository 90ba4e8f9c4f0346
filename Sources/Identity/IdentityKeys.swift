import EdgeCrypto

/// Every key of ours, each derived for one purpose, so that what one of them made is worth nothing to another.
struct IdentityKeys: Sendable {
  /// Session cookies.
  let cookie: HMACKey
  /// The per-attempt cookie, which holds the PKCE verifier.
  let attempt: [UInt8]
  /// The sign-in request that a route host writes.
  let signInRequest: HMACKey
  /// The wish of a program for a token.
  let programLogin: HMACKey
  /// Form tokens against cross-site requests.
  let form: HMACKey
  /// The provider's tokens at rest.
  let tokens: [UInt8]
  let assertion: PrivateKey

  init(_ configuration: IdentityConfiguration) throws(IdentityError) {
    let shared = configuration.sharedSecret
    guard shared.count >= 32 else {
      throw IdentityError(.configuration, "shared_secret is shorter than 32 bytes.")
    }
    let forCookies = configuration.cookieSecret ?? shared
    func derive(_ secret: [UInt8], _ purpose: String) -> [UInt8] {
      HKDF.sha256(key: secret, info: "tunnel-edge \(purpose) v1", byteCount: 32)
    }
    cookie = HMACKey(key: derive(forCookies, "session cookie"))
    attempt = derive(forCookies, "sign-in attempt cookie")
    form = HMACKey(key: derive(forCookies, "form token"))
    signInRequest = HMACKey(key: derive(shared, "sign-in request"))
    programLogin = HMACKey(key: derive(shared, "programmatic login"))
    tokens = derive(shared, "provider tokens")
    if let signingKey = configuration.signingKey {
      assertion = signingKey
    } else {
      assertion = try Self.signingKey { derive(shared, "assertion key \($0)") }
    }
  }

  /// A P-256 key from a derived scalar. One candidate in 2^32 is no scalar of the curve; then the next is taken.
  private static func signingKey(_ candidate: (Int) -> [UInt8]) throws(IdentityError) -> PrivateKey {
    for attempt in 1...8 {
      // ECPrivateKey of RFC 5915: version, scalar, and the curve's name.
      let named: [UInt8] = [0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]
      let der: [UInt8] = [0x30, 0x31, 0x02, 0x01, 0x01, 0x04, 0x20] + candidate(attempt) + named
      let encoded = Base64.encode(der)
      let pem =
        "-----BEGIN EC PRIVATE KEY-----\n\(encoded.prefix(64))\n\(encoded.dropFirst(64))\n-----END EC PRIVATE KEY-----\n"
      if let key = try? PrivateKey(text: pem) { return key }
    }
    throw IdentityError(.configuration, "No signing key could be derived; configure signing_key.")
  }
}
