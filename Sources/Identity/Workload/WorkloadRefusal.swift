/// Why a job's token opens nothing.
package struct WorkloadRefusal: Error, Sendable, Hashable, CustomStringConvertible {
  package enum Kind: Sendable, Hashable {
    /// The request is malformed.
    case badRequest
    /// The token did not pass a check.
    case untrusted
    /// The token is good, and no service account takes it, from here, or any more.
    case forbidden
    /// The token was used before, or the key is somebody else's.
    case conflict
    case tooMany
    /// The issuer or the store does not answer.
    case unavailable
  }

  package let kind: Kind
  /// For whoever holds the token: printable, no secret, and no more of the configuration than they know.
  package let message: String
  /// For the log only.
  package let diagnostics: String
  /// After how many seconds to try again.
  package let retryAfter: Int64?

  init(_ kind: Kind, _ message: String, diagnostics: String = "", retryAfter: Int64? = nil) {
    self.kind = kind
    self.message = message
    self.diagnostics = diagnostics
    self.retryAfter = retryAfter
  }

  /// The status of the HTTP answer.
  package var status: Int {
    switch kind {
    case .badRequest: 400
    case .untrusted: 401
    case .forbidden: 403
    case .conflict: 409
    case .tooMany: 429
    case .unavailable: 503
    }
  }

  package var description: String { diagnostics.isEmpty ? message : "\(message) (\(diagnostics))" }
}
