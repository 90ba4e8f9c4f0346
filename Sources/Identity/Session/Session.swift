import Policy

/// One sign-in: who it is, and until when.
///
/// `id` names the session in logs, in the assertion's `sid` and in the store. It opens nothing: the browser holds a
/// handle of which the id is a hash.
package struct Session: Sendable, Hashable, Identifiable {
  package var id: String
  package var subject: Subject
  /// The value of `idp_provider` it came through.
  package var provider: String
  package var issuedAt: UnixTime
  package var expiresAt: UnixTime
  /// When the person last proved who they are.
  package var authenticatedAt: UnixTime
  /// Grows whenever the subject changes.
  package var version: Int

  package init(
    id: String, subject: Subject, provider: String, issuedAt: UnixTime, expiresAt: UnixTime,
    authenticatedAt: UnixTime, version: Int = 1
  ) {
    self.id = id
    self.subject = subject
    self.provider = provider
    self.issuedAt = issuedAt
    self.expiresAt = expiresAt
    self.authenticatedAt = authenticatedAt
    self.version = version
  }
}

/// What observers are told about sessions and keys.
package enum SessionChange: Sendable, Hashable {
  /// Signed out, expired, or ended by the provider: everything it admitted must end.
  case ended(sessionID: String)
  /// Its subject is another now: decide again.
  case changed(sessionID: String)
  /// Its cookies are refused from now on; its ssh keys go on ("this browser only", security rule 21).
  case browserEnded(sessionID: String)
  /// A key may not be used any more: its connections must end.
  case bindingRevoked(fingerprint: String, sessionID: String)
}
