/// Whom a decision is about: a signed-in person or a service account, as of one version of the session.
package struct Subject: Sendable, Hashable {
  /// The session this identity was read from.
  package var sessionID: String
  /// The provider's issuer URL; a user is (issuer, userID).
  package var issuer: String
  /// The provider's `sub`.
  package var userID: String
  /// The address, if the provider gave one.
  package var email: String?
  /// Whether `email` and `domain` criteria may match (security rule 29).
  package var emailIsTrusted: Bool
  package var name: String?
  package var groups: [String]
  package var claims: [String: ClaimValue]
  /// The service account's name; a person has none.
  package var serviceAccount: String?
  /// Names it may publish, whatever policies say; `nil` where only policies decide.
  package var publishableHosts: Set<String>?
  /// When the session ends.
  package var expiresAt: UnixTime

  package init(
    sessionID: String, issuer: String, userID: String, email: String?, emailIsTrusted: Bool, name: String? = nil,
    groups: [String] = [], claims: [String: ClaimValue] = [:], serviceAccount: String? = nil,
    publishableHosts: Set<String>? = nil, expiresAt: UnixTime
  ) {
    self.sessionID = sessionID
    self.issuer = issuer
    self.userID = userID
    self.email = email
    self.emailIsTrusted = emailIsTrusted
    self.name = name
    self.groups = groups
    self.claims = claims
    self.serviceAccount = serviceAccount
    self.publishableHosts = publishableHosts
    self.expiresAt = expiresAt
  }

  /// What names this person to others: the address, else the name, else the user id.
  package var displayName: String { email ?? name ?? userID }

  /// Whether two sessions belong to the same person (or the same service account). Byte for byte: identifiers that merely
  /// look alike are two people.
  package func isSamePerson(as other: Subject) -> Bool {
    guard issuer.isSame(as: other.issuer), userID.isSame(as: other.userID) else { return false }
    switch (serviceAccount, other.serviceAccount) {
    case (nil, nil): return true
    case (let mine?, let theirs?): return mine.isSame(as: theirs)
    case (_?, nil), (nil, _?): return false
    }
  }
}
