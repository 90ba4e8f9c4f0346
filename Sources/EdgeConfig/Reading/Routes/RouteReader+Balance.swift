internal import Policy

/// `load_balancing_policy` and what goes with it.
extension RouteReader {
  func balance() -> RouteBalanceConfiguration {
    RouteBalanceConfiguration(
      policy: section.choice("load_balancing_policy").flatMap(RouteBalanceConfiguration.Policy.init(rawValue:)),
      panicThreshold: section.number("healthy_panic_threshold", in: 0...100), healthChecks: healthChecks(),
      reconnectGrace: reconnectGrace(), pool: section.choice("tunnel_pool").flatMap { .init(rawValue: $0) } ?? .shared)
  }

  private func reconnectGrace() -> Milliseconds? {
    guard let setting = section.setting("reconnect_grace") else { return nil }
    if !section.isWritten("upstream_tunnel") {
      findings.warning(setting.place, "`reconnect_grace` has no effect without `upstream_tunnel`")
    }
    return section.duration("reconnect_grace")
  }

  /// `depends_on`: hosts, perhaps with a port, that a sign-in here visits, too.
  func dependsOn() -> [String] {
    guard let setting = section.setting("depends_on") else { return [] }
    let hosts = section.texts("depends_on").compactMap { host -> String? in
      guard let url = try? URLText("https://\(host.text)"), url.path.isEmpty, !url.hasMore, !url.hasUserInfo,
        isHostName(url.host, allowsUnderscore: true)
      else {
        findings.error(
          host.place, "`depends_on`: `\(host.text)` is no host", "a name without scheme and path: api.example.com")
        return nil
      }
      return host.text.lowercased()
    }
    if hosts.count > Self.mostDependencies {
      section.error(setting, "\(hosts.count) hosts", "a sign-in visits \(Self.mostDependencies) others at most")
    }
    return Array(hosts.prefix(Self.mostDependencies))
  }

  private static let mostDependencies = 5

  // MARK: Health checks

  private func healthChecks() -> [HealthCheckConfiguration] {
    guard let setting = section.setting("health_checks") else { return [] }
    guard let nodes = setting.node.sequence else {
      section.error(setting, "expected a list of objects, not \(setting.node.kind)", "as `- http: {path: /healthz}`")
      return []
    }
    if nodes.count > Self.mostChecks {
      section.error(setting, "\(nodes.count) entries", "\(Self.mostChecks) at most")
    }
    return nodes.prefix(Self.mostChecks).compactMap { node in
      HealthCheckReader(node: node, source: setting.place.source, findings: findings).read()
    }
  }

  private static let mostChecks = 8
}
