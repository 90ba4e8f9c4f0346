/// A sign-in that a client asked for and that waits for the person.
struct AuthorizationRequest: Sendable {
  var clientID: String
  var redirectURI: String
  var scopes: [String]
  var state: String?
  var nonce: String?
  /// The S256 challenge (RFC 7636).
  var challenge: String?
  /// SHA-256 of the cookie of the browser that began.
  var browser: [UInt8]
  var expiresAt: Int64
  /// Set once the password was right.
  var account: ProviderConfiguration.Account?

  func has(_ scope: String) -> Bool { scopes.contains(scope) }
}

/// Who let which client know what about them.
struct Grant: Sendable {
  var clientID: String
  var redirectURI: String
  var scopes: [String]
  var nonce: String?
  var challenge: String?
  var account: ProviderConfiguration.Account

  func has(_ scope: String) -> Bool { scopes.contains(scope) }
}

/// One refresh token through its life.
struct RefreshRecord: Sendable {
  var grant: Grant
  var current: String
  var previous: String?
  var createdAt: Int64
  var lastUsed: Int64

  init(grant: Grant, secret: String, createdAt: Int64) {
    self.grant = grant
    current = secret
    self.createdAt = createdAt
    lastUsed = createdAt
  }

  func isExpired(now: Int64, lifetimes: ProviderConfiguration.Lifetimes) -> Bool {
    if let limit = lifetimes.refreshUnusedFor, now - lastUsed > limit { return true }
    if let limit = lifetimes.refreshAbsolute, now - createdAt > limit { return true }
    return false
  }

  /// The token to hand out for `secret`, or `nil` when it is not good any more.
  mutating func use(
    _ secret: String, fresh: String, now: Int64, lifetimes: ProviderConfiguration.Lifetimes
  ) -> String? {
    let isWithinInterval = now - lastUsed < lifetimes.refreshReuseInterval
    if secret == current {
      guard lifetimes.refreshRotates, !isWithinInterval else { return current }
      previous = current
      current = fresh
      lastUsed = now
      return fresh
    }
    guard let previous, secret == previous, isWithinInterval else { return nil }
    return current
  }
}
