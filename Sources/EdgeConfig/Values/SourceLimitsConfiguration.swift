package import Policy

/// What one source of ssh connections may do before it has signed in.
package struct SourceLimitsConfiguration: Sendable, Equatable {
  /// 0 is no limit.
  package var maxStartups: Int
  /// Prefix lengths.
  package var ipv4Block: Int
  package var ipv6Block: Int
  /// None: nobody is penalised.
  package var penalties: SourcePenaltiesConfiguration?
  package var exempt: [AddressRange]
}

/// `PerSourcePenalties` of sshd_config. Times in seconds.
package struct SourcePenaltiesConfiguration: Sendable, Equatable {
  package var crash = 90
  package var authfail = 5
  package var refuseConnection = 10
  package var noAuth = 1
  package var graceExceeded = 10
  package var maximum = 600
  package var minimum = 15
  package var maximumSources4 = 65_536
  package var maximumSources6 = 65_536

  package init() {}
}
