import EdgeConfig
import Policy
import Routing

/// The service account that somebody asks about on the command line, by its name or by a token that would speak for it.
struct AskedAccount {
  let name: String

  init(named name: String) { self.name = name }

  /// The account that takes a token of this issuer with these claims (security rule 14).
  init(issuer: String, claims: [String: ClaimValue], in accounts: [ServiceAccountConfiguration]) throws {
    var obstacles: [String] = []
    for account in accounts {
      for workload in account.workloads where workload.issuer == issuer {
        guard let obstacle = Self.obstacle(to: claims, workload) else {
          name = account.name
          return
        }
        obstacles.append("\(account.name): \(obstacle)")
      }
    }
    guard !obstacles.isEmpty else {
      let known = Set(accounts.flatMap { $0.workloads.map(\.issuer) }).sorted().joined(separator: ", ")
      throw AskedRoute.Mistake(
        "--workload \(issuer): no service account takes its tokens; there are \(known.isEmpty ? "no issuers" : known)")
    }
    throw AskedRoute.Mistake(
      "--workload \(issuer): no service account takes a token with these claims (\(obstacles.joined(separator: "; ")))")
  }

  private static func obstacle(
    to claims: [String: ClaimValue], _ workload: ServiceAccountConfiguration.Workload
  ) -> String? {
    if case .string(let audience)? = claims["aud"], !audience.utf8.elementsEqual(workload.audience.utf8) {
      return "the audience is \(workload.audience)"
    }
    return workload.conditions.first { !$0.holds(for: claims) }.map { condition in
      let wanted = condition.patterns.map(\.description).joined(separator: ", ")
      return "`\(condition.path.joined(separator: "."))` is none of \(wanted)"
    }
  }

  /// What keeps it from what it wants, whatever policies say (security rule 13).
  func refusal(_ asked: AskedRoute, _ request: AccessRequest, in configuration: EdgeConfiguration) -> String? {
    guard let account = configuration.serviceAccounts.first(where: { $0.name == name }) else {
      return "There is no service account `\(name)` in this file."
    }
    guard request.now < account.expiresAt else { return "The service account \(name) has expired." }
    if let text = request.sourceAddress, let source = IPAddress(text), !account.sources.isEmpty,
      !account.sources.contains(where: { $0.contains(source) })
    {
      return "The service account \(name) may not come from \(text)."
    }
    return asked.isPublishing ? publishing(account, asked) : visiting(account, asked)
  }

  private func publishing(_ account: ServiceAccountConfiguration, _ asked: AskedRoute) -> String? {
    guard !account.keys.isEmpty || !account.authorities.isEmpty || !account.workloads.isEmpty else {
      return "The service account \(name) has no `public_keys`, `ssh_ca` or `workload`: it publishes nothing."
    }
    let isListed =
      switch asked.forwardedHost {
      case .name(let host): account.hosts.contains(host)
      case .any: account.hosts.contains { HostName($0).map(asked.route.origin.host.matches) ?? false }
      }
    return isListed ? nil : "The service account \(name) publishes \(account.hosts.joined(separator: ", ")) only."
  }

  private func visiting(_ account: ServiceAccountConfiguration, _ asked: AskedRoute) -> String? {
    if asked.isLogin { return "A service account signs in to no hosts." }
    guard !account.tokenHashes.isEmpty || !account.workloads.isEmpty else {
      return "The service account \(name) has no `tokens` and no `workload`: it visits nothing."
    }
    guard case .name(let host) = asked.forwardedHost else { return nil }
    return account.hosts.contains(host)
      ? nil : "The service account \(name) visits \(account.hosts.joined(separator: ", ")) only."
  }
}
