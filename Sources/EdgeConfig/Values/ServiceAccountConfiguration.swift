package import Policy

/// A program that publishes without a browser: an entry of `service_accounts` (security rule 13).
package struct ServiceAccountConfiguration: Sendable, Equatable {
  /// What `service_account:` criteria name; no `@`, so that it is never taken for an address.
  package var name: String
  /// The wire blobs of its ssh keys.
  package var keys: [[UInt8]]
  package var authorities: [Authority]
  package var expiresAt: UnixTime
  /// `source_addresses`; empty for anywhere.
  package var sources: [AddressRange]
  /// Hosts it may publish, in lower case, none with a wildcard.
  package var hosts: [String]

  /// Who signs certificates for its keys: an entry of `ssh_ca`.
  package struct Authority: Sendable, Equatable {
    /// The wire blob of its key.
    package var key: [UInt8]
    /// A certificate needs one of these; never empty.
    package var principals: [String]
  }
}
