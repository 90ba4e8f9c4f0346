import Policy

/// What the audit log is told of people, sessions and keys. Never a token, a cookie or a code.
package enum IdentityEvent: Sendable {
  /// A browser was sent to the provider.
  case browserSignInStarted
  case signedIn(Session)
  /// It came back with nothing that signs anybody in; the reason is for the log.
  case browserSignInFailed(reason: String)
  /// "This browser only": the session's ssh keys live on (security rule 21).
  case browserSignedOut(Session)
  /// With everything that hung on it.
  case sessionEnded(Session, reason: String)
  /// The provider has taken back what it gave for a session that its person ended.
  case grantRevoked(Session)
  /// It was asked to and did not.
  case grantNotRevoked(Session, reason: String)
  /// The provider says something else of the person than before.
  case claimsChanged(Session)
  /// A key stands for a person from now on.
  case keyBound(KeyBinding, Session)
  case keyRevoked(KeyBinding, by: Session)
  /// The binding's own time is over, or somebody took it out of the store.
  case keyEnded(KeyBinding, reason: String)
  /// Whoever holds the link said no to a key that waits.
  case keyDenied(fingerprint: String, by: Session)
  /// A program has a token of this person's from now on.
  case tokenGranted(ProgramToken, Session)
  /// Revoked or given back; it also ends with its session.
  case tokenEnded(ProgramToken, reason: String)
  case workload(WorkloadEvent)
}

/// The request that a person sent, in whose course something happens. Our pages set it for the time of their answer, so that
/// whatever is recorded meanwhile tells from where.
package struct AskingRequest: Sendable, Hashable {
  /// After trusted proxies.
  package var address: String
  package var requestID: String

  package init(address: String, requestID: String) {
    self.address = address
    self.requestID = requestID
  }

  /// `nil` where nobody asked: time passed, the provider spoke, the configuration changed.
  @TaskLocal package static var current: AskingRequest?
}
