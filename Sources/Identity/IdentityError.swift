/// Why somebody could not be signed in, or a request about sessions and keys was refused.
package struct IdentityError: Error, Sendable, Hashable, CustomStringConvertible {
  package enum Kind: Sendable, Hashable {
    /// The request is malformed or its signature is wrong.
    case badRequest
    /// What it refers to does not exist any more.
    case expired
    /// The sign-in was started in another browser, or its cookie is gone.
    case wrongBrowser
    /// Somebody has already answered.
    case alreadyDecided
    /// Authorized, but the digits that were asked for at the ssh prompt never came.
    case notConfirmed
    /// The key is bound to another person (security rule 8).
    case keyHeldByAnother
    /// Not this person's to decide, or unknown to them.
    case forbidden
    /// The provider says no, or the person cancelled there.
    case providerRefused
    /// The provider does not vouch for the person any more: the account is gone, or the grant is withdrawn.
    case withdrawn
    /// The provider's token did not pass a check.
    case tokenRefused
    /// The provider answered in a way no provider should.
    case providerMisbehaved
    case providerUnreachable
    /// A table is full.
    case tooMany
    /// The store failed.
    case storage
    /// What the admin wrote cannot be used.
    case configuration
  }

  package let kind: Kind
  /// For the page: what happened and what to do. Holds no secrets and nothing unfiltered from a peer.
  package let message: String
  /// For the log only.
  package let diagnostics: String
  /// When trying again may help, in seconds, if that is known.
  package let retryAfter: Int64?
  /// The provider gave no usable answer to a question about one person: it may well answer those about others.
  package let refusesToken: Bool

  package init(
    _ kind: Kind, _ message: String, diagnostics: String = "", retryAfter: Int64? = nil, refusesToken: Bool = false
  ) {
    self.kind = kind
    self.message = message
    self.diagnostics = diagnostics
    self.retryAfter = retryAfter
    self.refusesToken = refusesToken
  }

  /// The status of the HTTP answer.
  package var status: Int {
    switch kind {
    case .badRequest, .expired, .wrongBrowser: 400
    case .forbidden, .providerRefused, .withdrawn: 403
    case .alreadyDecided, .notConfirmed, .keyHeldByAnother: 409
    case .tokenRefused, .providerMisbehaved: 502
    case .providerUnreachable, .tooMany, .storage, .configuration: 503
    }
  }

  /// Of an answer that was about one person. What somebody has at the provider (a name, a thousand groups) can make it one that
  /// cannot be read.
  var aboutPerson: IdentityError {
    guard kind == .providerMisbehaved else { return self }
    return IdentityError(
      kind, message, diagnostics: diagnostics, retryAfter: retryAfter, refusesToken: true)
  }

  package var description: String { diagnostics.isEmpty ? message : "\(message) (\(diagnostics))" }
}
