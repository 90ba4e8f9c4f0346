import EdgeCrypto
import Policy

/// The claims of an ID token whose every check has passed (OpenID Connect Core 3.1.3.7).
struct IDToken: Sendable {
  let claims: ClaimValue
  let subject: String
  /// One of the issuer's tenants, where it has many.
  let issuer: String

  /// What the token must say.
  struct Expectation: Sendable {
    var issuer: String
    var clientID: String
    /// Of this edge, too.
    var otherClientIDs: Set<String> = []
    /// Nil on refresh, where providers send the old one or none.
    var nonce: String?
    /// The person must be the same on refresh.
    var subject: String?
    var accessToken: String?
    var now: UnixTime
  }

  /// How far the provider's clock and ours may differ, in seconds.
  private static let skew = 60.0
  /// No sign-in is good for longer; catches times in milliseconds too.
  private static let longestLifetime = 10.0 * 366 * 86_400
  private static let maximumSubjectLength = 1024

  init(_ token: SignedToken, keys: ProviderKeys, expect: Expectation) throws(TokenFault) {
    claims = try token.claims(verifiedBy: keys)
    issuer = try Self.checkIssuer(claims, expect)
    try Self.checkAudience(claims, expect)
    try Self.checkTimes(claims, now: Double(expect.now.milliseconds) / 1000)
    if let nonce = expect.nonce { try Self.checkNonce(claims, nonce) }
    subject = try Self.checkedSubject(claims, expect)
    try Self.checkAccessTokenHash(claims, expect, token.algorithm)
  }

  @discardableResult
  static func checkIssuer(_ claims: ClaimValue, _ expect: Expectation) throws(TokenFault) -> String {
    guard let issuer = claims.text("iss") else { throw TokenFault(.issuer, "the token names no issuer") }
    guard let expected = TenantIssuer.resolved(expect.issuer, tenant: claims.text("tid")) else {
      throw TokenFault(.issuer, "the token names no tenant (tid) of \(quoted(expect.issuer))")
    }
    guard issuer.isSameBytes(as: expected) else {
      throw TokenFault(.issuer, "the token is from \(quoted(issuer)); \(quoted(expected)) was expected")
    }
    return issuer
  }

  static func checkAudience(_ claims: ClaimValue, _ expect: Expectation) throws(TokenFault) {
    let audiences: [String]
    switch claims.member("aud") {
    case .string(let audience): audiences = [audience]
    case .list(let elements):
      audiences = elements.compactMap(\.asText)
      guard audiences.count == elements.count else {
        throw TokenFault(.audience, "an audience of the token is no string")
      }
    default: throw TokenFault(.audience, "the token names no audience")
    }
    guard audiences.contains(where: { isClient($0, expect) }) else {
      throw TokenFault(
        .audience,
        "the token is for \(quoted(audiences.sorted().joined(separator: " "))); \(quoted(expect.clientID)) was expected"
      )
    }
    let party = claims.member("azp")
    guard party != nil || audiences.allSatisfy({ isClient($0, expect) }) else {
      throw TokenFault(.authorizedParty, "the token is for several clients and does not say which of them asked for it")
    }
    guard party == nil || party?.asText.map({ isClient($0, expect) }) == true else {
      throw TokenFault(.authorizedParty, "the token was made for another client")
    }
  }

  private static func isClient(_ id: String, _ expect: Expectation) -> Bool {
    // Byte for byte: to `==` texts are the same, too, that Unicode calls equivalent, as the sign for Kelvin and a K.
    id.isSameBytes(as: expect.clientID) || expect.otherClientIDs.contains { id.isSameBytes(as: $0) }
  }

  private static func checkTimes(_ claims: ClaimValue, now: Double) throws(TokenFault) {
    guard let expiry = claims.member("exp")?.asNumber else { throw TokenFault(.expired, "the token has no expiry") }
    guard expiry > now - skew else {
      throw TokenFault(.expired, "the token expired \(Int(now - max(expiry, 0))) s ago")
    }
    guard expiry < now + longestLifetime else { throw TokenFault(.expired, "the token's expiry is absurdly late") }
    guard let issued = claims.member("iat")?.asNumber else {
      throw TokenFault(.issuedAt, "the token does not say when it was made")
    }
    guard issued > 0, issued <= now + skew else {
      throw TokenFault(.issuedAt, "the token was made in the future; compare the clocks of both machines")
    }
    guard let notBefore = claims.member("nbf") else { return }
    guard let notBefore = notBefore.asNumber, notBefore <= now + skew else {
      throw TokenFault(.notYetValid, "the token is not valid yet; compare the clocks of both machines")
    }
  }

  private static func checkNonce(_ claims: ClaimValue, _ expected: String) throws(TokenFault) {
    guard let nonce = claims.text("nonce") else { throw TokenFault(.nonce, "the token has no nonce") }
    guard constantTimeEquals(Array(nonce.utf8), Array(expected.utf8)) else {
      throw TokenFault(.nonce, "the token belongs to another sign-in")
    }
  }

  private static func checkedSubject(_ claims: ClaimValue, _ expect: Expectation) throws(TokenFault) -> String {
    guard let subject = claims.text("sub"), !subject.isEmpty, subject.utf8.count <= maximumSubjectLength else {
      throw TokenFault(.subject, "the token does not say who signed in")
    }
    if let expected = expect.subject, !subject.isSameBytes(as: expected) {
      throw TokenFault(.subject, "the refreshed token is about another person")
    }
    return subject
  }

  private static func checkAccessTokenHash(
    _ claims: ClaimValue, _ expect: Expectation, _ algorithm: TokenAlgorithm
  ) throws(TokenFault) {
    guard let claim = claims.member("at_hash") else { return }
    guard let hash = claim.asText, let accessToken = expect.accessToken else {
      throw TokenFault(.accessTokenHash, "the token vouches for an access token that did not come")
    }
    let digest = Digest.hash(algorithm.digest, Array(accessToken.utf8))
    let expected = Base64.encodeURL(Array(digest.prefix(digest.count / 2)))
    guard constantTimeEquals(Array(hash.utf8), Array(expected.utf8)) else {
      throw TokenFault(.accessTokenHash, "the token vouches for another access token than the one that came")
    }
  }
}
