import Identity

/// What the front door asks of the subject Identity.
package protocol VisitorIdentity: Sendable {
  /// The live session whose cookie this is on this host.
  func session(cookie value: String, host: String) -> Session?
  /// The session as it is now; `nil` when it has ended.
  func session(id: String) -> Session?
  /// The value of X-Pomerium-Jwt-Assertion.
  func signAssertion(session: Session, host: String, options: AssertionOptions) -> String?
  /// The provider's tokens of the session, where they are kept.
  func providerTokens(sessionID: String) -> ProviderTokens?
  func onChange(_ observer: @escaping @Sendable (SessionChange) -> Void)
}

extension Identity: VisitorIdentity {}
