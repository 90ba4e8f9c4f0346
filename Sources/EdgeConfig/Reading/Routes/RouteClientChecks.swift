internal import Policy

/// What is to be said of the clients of routes together: a session is of one client, and its cookie of one host.
struct RouteClientChecks {
  let findings: Findings
  let routes: [ReadRoute]
  let provider: IdentityProviderConfiguration?

  func run() {
    checkHosts()
    checkSecrets()
    checkDependencies()
    for route in routes where route.route.http.client != nil && route.route.isPublic {
      findings.warning(route.fromPlace, "`idp_client_id` has no effect: everybody may visit without signing in")
    }
  }

  private func checkHosts() {
    var first: [String: ReadRoute] = [:]
    for route in routes where route.route.from.scheme == .https && !route.route.isPublic {
      let host = route.route.from.host
      guard let other = first[host] else {
        first[host] = route
        continue
      }
      guard other.route.http.client != route.route.http.client else { continue }
      findings.error(
        route.fromPlace,
        "\(host) signs in with another client on line \(other.fromPlace.position.line); the cookie belongs to the whole host",
        "write the same `idp_client_id` for all routes of a host, or give one of them a host of its own")
    }
  }

  /// `depends_on`: one sign-in is for one client.
  private func checkDependencies() {
    for route in routes {
      for host in route.route.dependsOn {
        let name = String(host.prefix { $0 != ":" })
        let other = routes.first { $0.route.from.scheme == .https && $0.route.from.covers(name) }
        guard let other, other.route.http.client != route.route.http.client else { continue }
        findings.warning(
          route.fromPlace, "`depends_on`: \(name) signs in with another client", "a sign-in here does not visit it")
      }
    }
  }

  private func checkSecrets() {
    var known: [String: SecretString] = [:]
    if let provider { known[provider.clientID] = provider.clientSecret }
    for route in routes {
      guard let client = route.route.http.client else { continue }
      if let secret = known[client.id], secret != client.secret {
        findings.error(
          route.fromPlace, "the client `\(client.id)` has another secret elsewhere in this file",
          "a client has one: take the wrong one out")
      }
      known[client.id] = known[client.id] ?? client.secret
    }
  }
}
