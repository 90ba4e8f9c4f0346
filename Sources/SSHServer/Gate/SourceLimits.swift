import Policy

/// What one source may do before it has signed in. After sign-in people are counted, not sources (product.md, fine
/// point 14).
package struct SourceLimits: Sendable, Hashable {
  /// Connections of one source that have not proved a key (`PerSourceMaxStartups`); 0 is no limit.
  package var maxStartups = 20
  package var block = SourceBlockSize()
  /// None: nobody is penalised.
  package var penalties: SourcePenalties? = SourcePenalties()
  /// Sources that stand for many people (relays and proxies on this machine or before it): neither counted nor penalised.
  package var exempt = loopback

  package static let loopback = ["127.0.0.0/8", "::1"].compactMap { AddressRange($0) }

  package init() {}
}

/// What a source is penalised for. The names are those of sshd_config's `PerSourcePenalties`.
package enum Misconduct: String, Sendable, Hashable, CaseIterable {
  /// A message that no client sends where it came: an attack on servers that would crash or let somebody in. (sshd sees
  /// this as a crash of the connection's process; here there is none to lose.)
  case protocolBreach = "crash"
  /// Went without having proved a key, after at least one attempt.
  case failedAuthentication = "authfail"
  /// Signed in, and nothing here is theirs.
  case refused = "refuseconnection"
  /// Went without an attempt: scanners, other protocols, key collectors.
  case noAttempt = "noauth"
  /// Held a place until the grace time was over.
  case graceExceeded = "grace-exceeded"
}

/// OpenSSH 9.8's `PerSourcePenalties`, with its amounts: each misconduct makes the source's term longer, a term counts from
/// `minimum` on, and ends by itself.
package struct SourcePenalties: Sendable, Hashable {
  /// Seconds.
  package var amounts: [Misconduct: Int] = [
    .protocolBreach: 90, .failedAuthentication: 5, .refused: 10, .noAttempt: 1, .graceExceeded: 10,
  ]
  /// Seconds. A source is turned away from this sum on, until it is used up.
  package var minimum = 15
  /// Seconds.
  package var maximum = 600
  /// Sources of each family that are remembered. When a table is full the term that ends next is forgotten: whoever floods
  /// the table gets others off, never shut out.
  package var maximumIPv4Sources = 65_536
  package var maximumIPv6Sources = 65_536

  package init() {}
}
