import Policy

/// What jobs ask with the tokens of their issuers (security rule 14).
extension Identity {
  /// What a job was given.
  package struct WorkloadGrant: Sendable {
    package var binding: WorkloadBinding
    /// Names that the account may publish and visit, sorted.
    package var hosts: [String]
  }

  /// Gives an ssh key to the service account that takes the token, until the token's `exp` or for `workload_max_session`.
  package func bindWorkloadKey(
    token: String, key: String, source: String
  ) async throws(WorkloadRefusal) -> WorkloadGrant {
    let grant = try await workloads.bind(
      token: token, key: key, from: source, maximumSession: settings.configuration.workloadMaxSession)
    return WorkloadGrant(binding: grant.binding, hosts: grant.account.hosts.sorted())
  }

  /// Whether any signed token may be ours at all.
  package var acceptsWorkloads: Bool { workloads.hasIssuers }

  /// Verifies a token that is shown for a visit; may fetch keys of its issuer.
  package func admitWorkload(_ jwt: String, host: String, source: String) async -> WorkloadAnswer {
    await workloads.admitVisit(
      jwt, host: host, from: source, maximumSession: settings.configuration.workloadMaxSession)
  }

  /// Who shows a token that was verified before, by the configuration as it is now; memory only.
  package func workloadSession(_ jwt: String, host: String, source: String) -> Session? {
    workloads.visit(jwt, host: host, from: source)
  }
}

/// Who shows a signed token of a workload.
package enum WorkloadAnswer: Sendable {
  /// Its issuer is not one that this edge trusts for workloads.
  case notOurs
  case admitted(Session)
  /// The text is for whoever holds it.
  case refused(String)
}
