package import Policy

/// A program that publishes or visits without a browser: an entry of `service_accounts` (security rule 13).
package struct ServiceAccountConfiguration: Sendable, Equatable {
  /// What `service_account:` criteria name; no `@`, so that it is never taken for an address.
  package var name: String
  /// The wire blobs of its ssh keys.
  package var keys: [[UInt8]]
  package var authorities: [Authority]
  package var expiresAt: UnixTime
  /// `source_addresses`; empty for anywhere.
  package var sources: [AddressRange]
  /// Hosts it may publish and visit, in lower case, none with a wildcard.
  package var hosts: [String]
  /// `tokens`: SHA-256 of what it shows when it visits.
  package var tokenHashes: [[UInt8]] = []
  /// `workload`.
  package var workloads: [Workload] = []

  /// Whose tokens speak for it: an entry of `workload`.
  package struct Workload: Sendable, Hashable {
    package var issuer: String
    /// `jwks_uri`; none: the issuer's description names it.
    package var keysURL: String?
    package var audience: String
    /// Never empty.
    package var conditions: [ClaimCondition]
  }

  /// Who signs certificates for its keys: an entry of `ssh_ca`.
  package struct Authority: Sendable, Equatable {
    /// The wire blob of its key.
    package var key: [UInt8]
    /// A certificate needs one of these; never empty.
    package var principals: [String]
  }
}
