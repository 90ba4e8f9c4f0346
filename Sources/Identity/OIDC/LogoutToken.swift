import Policy

/// What a provider says when somebody signed out there (OpenID Connect Back-Channel Logout 1.0, section 2.4 to 2.6), every
/// check passed but one: that its id is new.
struct LogoutToken: Sendable {
  /// Who signed out everywhere.
  let subject: String?
  /// Which session of theirs at the provider ended; with it only what came from that one ends here.
  let providerSession: String?
  let id: String
  let issuer: String

  static let event = "http://schemas.openid.net/event/backchannel-logout"
  /// Seconds a token may be on its way; ids are remembered for longer.
  static let longestWay = 600.0
  private static let skew = 60.0
  private static let maximumLength = 1024

  init(_ token: SignedToken, keys: ProviderKeys, expect: IDToken.Expectation) throws(TokenFault) {
    let claims = try token.claims(verifiedBy: keys)
    issuer = try IDToken.checkIssuer(claims, expect)
    try IDToken.checkAudience(claims, expect)
    let now = Double(expect.now.milliseconds) / 1000
    guard let issued = claims.member("iat")?.asNumber, issued <= now + Self.skew, issued > now - Self.longestWay else {
      throw TokenFault(.issuedAt, "the token was not made just now; compare the clocks of both machines")
    }
    if let expiry = claims.member("exp") {
      guard let expiry = expiry.asNumber, expiry > now - Self.skew else {
        throw TokenFault(.expired, "the token has expired")
      }
    }
    guard claims.member("events")?.member(Self.event)?.asMembers != nil else {
      throw TokenFault(.malformed, "the token does not say that somebody signed out")
    }
    // An ID token must not pass for it, nor it for one.
    guard claims.member("nonce") == nil else { throw TokenFault(.nonce, "the token has a nonce, as ID tokens do") }
    guard let id = claims.text("jti"), !id.isEmpty, id.utf8.count <= Self.maximumLength else {
      throw TokenFault(.malformed, "the token has no id")
    }
    self.id = id
    subject = claims.text("sub")
    providerSession = claims.text("sid")
    guard subject != nil || providerSession != nil else {
      throw TokenFault(.subject, "the token does not say who signed out")
    }
  }
}

/// Ids of logout tokens that have been used: each counts once. Bounded; the oldest are forgotten first, and by then nobody
/// takes them any more.
struct UsedTokenIDs: Sendable {
  /// Everybody of a large company may be signed out within minutes; only a provider's own tokens come here.
  private static let limit = 65_536
  private static let lifetime = Int64(LogoutToken.longestWay) + 120

  private var expiries: [String: UnixTime] = [:]

  /// False for an id that was used before, and when there is no room to remember it.
  mutating func use(_ id: String, now: UnixTime) -> Bool {
    if expiries.count >= Self.limit { expiries = expiries.filter { now < $0.value } }
    guard expiries.count < Self.limit, expiries[id].map({ now >= $0 }) ?? true else { return false }
    expiries[id] = now.adding(seconds: Self.lifetime)
    return true
  }
}
