import EdgeCrypto
import Policy

/// Makes the signed statement of who a visitor is that goes to the service behind a route (`X-Pomerium-Jwt-Assertion`),
/// and the public key that services check it with.
struct AssertionSigner: Sendable {
  /// In seconds.
  static let lifetime: Int64 = 300

  /// How long a key that signs no more is still published: until the last assertion under it has ended, and caches of the
  /// key set with it. No longer, because a key may have been replaced for a reason.
  static let retirement = lifetime + 60

  private let ownKey: ClaimValue
  private let retired: [(key: ClaimValue, until: UnixTime)]
  private let key: PrivateKey
  private let algorithm: SignatureAlgorithm
  private let header: String

  /// - Parameter previous: what signed until now.
  init(key: PrivateKey, after previous: AssertionSigner? = nil, now: UnixTime = .init(seconds: 0)) throws(IdentityError)
  {
    let name: String
    switch key.publicKey.type {
    case .ecdsa(.p256): (algorithm, name) = (.ecdsaSHA256, "ES256")
    case .rsa: (algorithm, name) = (.rsaPKCS1SHA256, "RS256")
    default:
      throw IdentityError(.configuration, "signing_key must be a P-256 key (or an RSA key).")
    }
    self.key = key
    let keyID = key.publicKey.thumbprint
    header = Self.part(.object(["alg": .string(name), "kid": .string(keyID), "typ": .string("JWT")]))
    let parts = key.publicKey.jwk
    var members: [String: ClaimValue] = [
      "kty": .string(parts.kty), "kid": .string(keyID), "alg": .string(name), "use": .string("sig"),
    ]
    for (name, value) in [("crv", parts.crv), ("x", parts.x), ("y", parts.y), ("n", parts.n), ("e", parts.e)] {
      if let value { members[name] = .string(value) }
    }
    let ownKey = ClaimValue.object(members)
    self.ownKey = ownKey
    var retired = previous?.retired ?? []
    if let previous { retired.append((previous.ownKey, now.adding(seconds: Self.retirement))) }
    self.retired = Array(retired.filter { $0.key != ownKey && now < $0.until }.suffix(Self.mostRetired))
  }

  private static let mostRetired = 4

  /// A JWKS document (RFC 7517).
  func keySet(at now: UnixTime) -> String {
    let keys = [ownKey] + retired.filter { now < $0.until }.map(\.key)
    return JSONWriter.text(.object(["keys": .list(keys)]))
  }

  func sign(
    _ subject: Subject, host: String, options: AssertionOptions, configuration: IdentityConfiguration, now: UnixTime,
    random: RandomSource
  ) -> String? {
    var groups = subject.groups
    if let filter = options.groups ?? configuration.groupsFilter.map(Set.init) {
      groups = groups.filter(filter.contains)
    }
    var claims: [String: ClaimValue] = [:]
    for name in configuration.assertionClaims { claims[name] = subject.claims[name] }
    claims["iss"] = .string(options.issuerIsURI ?? configuration.issuerIsURI ? "https://\(host)/" : host)
    claims["aud"] = .string(host)
    claims["sub"] = .string(subject.userID)
    claims["user"] = .string(subject.userID)
    claims["sid"] = .string(subject.sessionID)
    claims["groups"] = .list(groups.map { .string($0) })
    claims["jti"] = .string(Base64.encodeURL(random(16)))
    claims["iat"] = .number(Double(now.seconds))
    claims["exp"] = .number(Double(now.seconds + Self.lifetime))
    // Services take an address for an identity: one that nobody vouches for could be anybody's (security rule 29).
    claims["email"] = subject.emailIsTrusted ? subject.email.map { .string($0) } : nil
    if let name = subject.name { claims["name"] = .string(name) }
    // A person may be called what an account is.
    if let account = subject.serviceAccount { claims["service_account"] = .string(account) }
    let content = "\(header).\(Self.part(.object(claims)))"
    guard let signature = try? key.sign(Array(content.utf8), algorithm: algorithm) else { return nil }
    return "\(content).\(Base64.encodeURL(signature))"
  }

  private static func part(_ value: ClaimValue) -> String { Base64.encodeURL(JSONWriter.bytes(value)) }
}
