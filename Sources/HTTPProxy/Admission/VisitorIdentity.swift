import Identity

/// What the front door asks of the subject Identity.
package protocol VisitorIdentity: Sendable {
  /// The live session whose cookie this is on this host.
  func session(cookie value: String, host: String) -> Session?
  /// Who shows this token on this route; answered from memory.
  func bearer(_ token: String, for visit: BearerVisit) -> BearerAnswer
  /// Whether signed tokens of others can be for the edge.
  var acceptsWorkloads: Bool { get }
  /// Verifies such a token; may ask its issuer for keys.
  func admitWorkload(_ token: String, host: String, source: String) async -> WorkloadAnswer
  /// The session as it is now; `nil` when it has ended.
  func session(id: String) -> Session?
  /// The value of X-Pomerium-Jwt-Assertion.
  func signAssertion(session: Session, host: String, options: AssertionOptions) -> String?
  /// The provider's tokens of the session, where they are kept.
  func providerTokens(sessionID: String) -> ProviderTokens?
  func onChange(_ observer: @escaping @Sendable (SessionChange) -> Void)
}

extension Identity: VisitorIdentity {}
