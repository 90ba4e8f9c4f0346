import Policy

/// What asks GitHub again about somebody: the access token of an OAuth app, which lasts until it is taken away, or that of a
/// GitHub App, which expires and comes with a refresh token.
struct GitHubGrant: Sendable, Hashable {
  var accessToken: String
  var refreshToken: String?
  /// Of the access token, if it has an end.
  var expiresAt: UnixTime?

  /// An access token is exchanged before its last minutes, so that none expires on its way.
  private static let margin: Int64 = 600

  init(accessToken: String, refreshToken: String? = nil, expiresAt: UnixTime? = nil) {
    self.accessToken = accessToken
    self.refreshToken = refreshToken
    self.expiresAt = expiresAt
  }

  /// Whether the access token must be exchanged before it is used.
  func isEnding(at now: UnixTime) -> Bool {
    guard refreshToken != nil, let expiresAt else { return false }
    return now >= expiresAt.adding(seconds: -Self.margin)
  }

  /// As a session keeps it, where others have a refresh token.
  var text: String {
    var members: [String: ClaimValue] = ["access_token": .string(accessToken)]
    if let refreshToken { members["refresh_token"] = .string(refreshToken) }
    if let expiresAt { members["expires_at"] = .time(expiresAt) }
    return String(decoding: JSONWriter.bytes(.object(members)), as: UTF8.self)
  }

  init?(text: String) {
    guard let value = try? JSONReader.parse(Array(text.utf8)), let accessToken = value.text("access_token") else {
      return nil
    }
    self.accessToken = accessToken
    refreshToken = value.text("refresh_token")
    expiresAt = value.member("expires_at")?.asTime
  }
}
