internal import Policy

/// What can only be said of the routes together, and beside the rest of the file.
struct RouteChecks {
  let findings: Findings
  let routes: [ReadRoute]
  let authenticateHost: String?
  /// Of ssh and metrics, as far as they are names.
  let otherHosts: [String]
  let hasSSH: Bool
  let flags: RuntimeFlags

  func run() {
    for route in routes {
      checkReservedHosts(route)
      checkReach(route)
      checkTunnel(route)
      checkDependencies(route)
    }
    checkRepetitions()
    if let authenticateHost { noteSharedParent(authenticateHost) }
  }

  /// Security rule 3.
  private func checkReservedHosts(_ route: ReadRoute) {
    guard route.route.from.scheme != .ssh else { return }
    if let host = authenticateHost, route.route.from.covers(host) {
      // A wildcard never matches the edge's own names (`RouteTable`), so it may stand beside them, as in Pomerium.
      guard !route.route.from.isWildcard else {
        findings.note(
          route.fromPlace, "`from` covers the host of `authenticate_service_url`; \(host) stays the edge's own")
        return
      }
      findings.error(
        route.fromPlace, "`from` covers the host of `authenticate_service_url`, \(host)",
        "sign-in needs a name that no route serves")
    }
    for host in otherHosts where route.route.from.covers(host) && !route.route.from.isWildcard {
      findings.error(route.fromPlace, "`from` covers a host the edge itself uses, \(host)")
    }
  }

  private func checkReach(_ route: ReadRoute) {
    guard route.isClosedToVisitors else { return }
    findings.warning(
      route.fromPlace, "nobody may visit \(route.fromText): no rule allows anything", "write a `policy` with `allow`")
  }

  private func checkTunnel(_ route: ReadRoute) {
    guard let place = route.tunnelPlace else { return }
    if route.isClosedToPublishers {
      findings.warning(
        place, "nobody may open the tunnel of \(route.fromText)", "write an `ssh_policy` with `allow`")
    }
    if !hasSSH {
      findings.warning(place, "no tunnel can be opened without `ssh_address`", "as `ssh_address: :2222`")
    }
    if !flags.sshUpstreamTunnel {
      findings.warning(place, "the runtime flag `ssh_upstream_tunnel` is off: \(route.fromText) answers 503")
    }
  }

  /// Where no route is, there is no cookie to set.
  private func checkDependencies(_ route: ReadRoute) {
    for host in route.route.dependsOn {
      let name = String(host.prefix { $0 != ":" })
      guard !routes.contains(where: { $0.route.from.scheme == .https && $0.route.from.covers(name) }) else { continue }
      findings.warning(
        route.fromPlace, "`depends_on` of \(route.fromText): no route serves \(name)", "a sign-in does not visit it")
    }
  }

  private func checkRepetitions() {
    var ids: [String: ReadRoute] = [:]
    var places: [String: ReadRoute] = [:]
    for route in routes {
      let from = route.route.from
      let match = "\(from.scheme) \(from.host) \(from.port ?? 0) \(route.route.path.key)"
      if let first = ids[route.route.id] {
        findings.error(
          route.fromPlace,
          "the same route again: `from`, path and `to` are those of line \(first.fromPlace.position.line)",
          "take one of the two out")
      } else if let first = places[match] {
        findings.warning(
          route.fromPlace, "never reached: line \(first.fromPlace.position.line) serves the same host and path",
          "tell them apart by `prefix`, `path` or `regex`")
      }
      ids[route.route.id] = ids[route.route.id] ?? route
      places[match] = places[match] ?? route
    }
  }

  /// Security rule 19: script in a published page can set cookies for a parent domain.
  private func noteSharedParent(_ host: String) {
    let own = host.split(separator: ".").reversed()
    for route in routes where route.route.tunnel != nil {
      let labels = route.route.from.host.split(separator: ".").reversed()
      let shared = zip(own, labels).prefix { $0 == $1 }.count
      guard shared >= 2 else { continue }
      let parent = own.prefix(shared).reversed().joined(separator: ".")
      findings.note(
        route.fromPlace, "\(route.fromText) and the sign-in host share the parent domain \(parent)",
        "a published page can set cookies for it: a sign-in domain of its own is safer, unless \(parent) is a public suffix"
      )
    }
  }
}

extension RouteFrom {
  /// Whether a request for this name could be this route's.
  func covers(_ name: String) -> Bool {
    let parts = host.split(separator: "*", omittingEmptySubsequences: false)
    guard parts.count == 2, let before = parts.first, let after = parts.last else { return host == name }
    return name.utf8.count > before.utf8.count + after.utf8.count && name.hasPrefix(before) && name.hasSuffix(after)
  }
}
