package import Patterns

/// `downstream_mtls`: which certificates of visitors are good, and what becomes of those who have none.
package struct ClientCertificateConfiguration: Sendable, Equatable {
  package enum Enforcement: String, Sendable {
    /// Every route refuses whoever has no good certificate.
    case policyWithDefaultDeny = "policy_with_default_deny"
    /// The policies of the routes decide.
    case policy
    /// The TLS handshake fails.
    case rejectConnection = "reject_connection"
  }

  package struct NameRule: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable { case dns, email, ip = "ip_address", uri }

    package var kind: Kind
    /// The whole name must match.
    package var pattern: WholePattern
  }

  /// PEM: who may vouch for visitors.
  package var authorities: String
  /// PEM: what these have revoked.
  package var revocations: String?
  package var enforcement: Enforcement
  /// `match_subject_alt_names`: one of them must hold; none is no condition.
  package var nameRules: [NameRule]
  /// Authorities above a certificate; 0 is any number.
  package var maximumDepth: Int
  /// Where the authorities are written, for messages.
  package var place: String
}
