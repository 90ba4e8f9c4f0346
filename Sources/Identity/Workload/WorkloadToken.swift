import EdgeCrypto
import Policy

/// A token of a job whose every check has passed but those that depend on a service account: audience and claims.
struct WorkloadToken: Sendable {
  let claims: WorkloadClaims
  /// `iat`, or now where the issuer's clock is ahead.
  let issuedAt: UnixTime
  let expiresAt: UnixTime
  /// Names the token where each counts once: its issuer and `jti`, or what was signed. Never the signature: of some kinds
  /// anybody can make a second one that is right, too.
  let useID: String

  /// How far the issuer's clock and ours may differ, in seconds. What a token opens ends at its `exp` all the same.
  static let skew: Int64 = 60
  /// The longest life of a token, in seconds: a job's is good for minutes or hours. Used tokens are remembered for as long.
  static let longestLifetime: Int64 = 24 * 3600
  private static let maximumTextLength = 1024

  init(claims: WorkloadClaims, issuedAt: UnixTime, expiresAt: UnixTime, useID: String) {
    self.claims = claims
    self.issuedAt = issuedAt
    self.expiresAt = expiresAt
    self.useID = useID
  }

  init(_ token: SignedToken, keys: ProviderKeys, issuer: WorkloadIssuer, now: UnixTime) throws(TokenFault) {
    // Without a key id the only fitting key counts: to try several is to let the issuer's other trades in.
    guard token.keyID != nil || keys.candidates(keyID: nil, algorithm: token.algorithm).count <= 1 else {
      throw TokenFault(.unknownKey, "the token names no key, and its issuer has several")
    }
    let members = try token.claims(verifiedBy: keys).asMembers ?? [:]
    guard let named = Self.text(members["iss"]), named.isSameBytes(as: issuer.name) else {
      throw TokenFault(.issuer, "the token is not from \(quoted(issuer.name))")
    }
    guard let subject = Self.text(members["sub"]) else {
      throw TokenFault(.subject, "the token does not say whose it is (`sub`)")
    }
    (issuedAt, expiresAt) = try Self.times(members, now: now)
    useID = try Self.useID(members, token)
    claims = WorkloadClaims(issuer: issuer, audience: try Self.audience(members), subject: subject, members: members)
  }

  /// Exactly one: whoever else a token is for could show it here.
  private static func audience(_ members: [String: ClaimValue]) throws(TokenFault) -> String {
    let audiences: [String?]
    switch members["aud"] {
    case .list(let elements): audiences = elements.map { text($0) }
    case nil: throw TokenFault(.audience, "the token names no audience")
    case let value: audiences = [text(value)]
    }
    guard audiences.count == 1, let only = audiences.first, let audience = only else {
      throw TokenFault(.audience, "the token must be for one audience, which is a text")
    }
    return audience
  }

  private static func times(
    _ members: [String: ClaimValue], now: UnixTime
  ) throws(TokenFault) -> (issued: UnixTime, expiry: UnixTime) {
    guard let expiry = seconds(members["exp"]) else { throw TokenFault(.expired, "the token has no expiry") }
    guard now < expiry else {
      throw TokenFault(
        .expired, "the token expired \(now.seconds - expiry.seconds) s ago; ask the issuer for a fresh one")
    }
    guard let issued = seconds(members["iat"]) else {
      throw TokenFault(.issuedAt, "the token does not say when it was made")
    }
    guard issued <= now.adding(seconds: skew) else {
      throw TokenFault(.issuedAt, "the token was made in the future; compare the clocks of both machines")
    }
    guard expiry <= issued.adding(seconds: longestLifetime) else {
      throw TokenFault(.expired, "the token is good for longer than 24 hours; ask the issuer for a shorter one")
    }
    if let notBefore = members["nbf"] {
      guard let notBefore = seconds(notBefore), notBefore <= now.adding(seconds: skew) else {
        throw TokenFault(.notYetValid, "the token is not valid yet; compare the clocks of both machines")
      }
    }
    return (min(issued, now), expiry)
  }

  private static func useID(_ members: [String: ClaimValue], _ token: SignedToken) throws(TokenFault) -> String {
    guard let claim = members["jti"] else {
      return Base64.encodeURL(Digest.sha256(Array("signed\n".utf8) + token.signedBytes))
    }
    guard let id = text(claim), let issuer = text(members["iss"]) else {
      throw TokenFault(.malformed, "the token's id (`jti`) is no text of 1 to \(maximumTextLength) bytes")
    }
    return Base64.encodeURL(Digest.sha256("id\n\(issuer.utf8.count)\n\(issuer)\(id)"))
  }

  private static func text(_ value: ClaimValue?) -> String? {
    guard let text = value?.asText, !text.isEmpty, text.utf8.count <= maximumTextLength else { return nil }
    return text
  }

  /// A time in seconds since 1970; the fraction some issuers send is dropped.
  private static func seconds(_ value: ClaimValue?) -> UnixTime? {
    guard let number = value?.asNumber, number > 0, number < 253_402_300_800 else { return nil }
    return UnixTime(seconds: Int64(number))
  }
}
