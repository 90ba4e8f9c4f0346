import HTTPWire
import Routing

/// What there is to know about one Host value under one route table.
final class ServedHost {
  /// `nil`: not a name that could be served (an address, a broken name).
  let name: HostName?
  let isAuthenticateHost: Bool
  let isServed: Bool
  /// Whether some route of this host tells paths apart; then a path that can be read in two ways is refused.
  let hasPathRules: Bool
  /// The one route that every path of this host leads to, if it is that simple.
  let onlyPlan: RoutePlan?
  /// The first route of the host: the place of our own pages there.
  let firstRoute: Route?
  /// Other names that the handshake may give for it (`tls_downstream_server_name`).
  let serverNames: Set<HostName>

  init(
    _ authority: Authority, table: RouteTable, configuration: HTTPProxyConfiguration, plan: (Route) -> RoutePlan
  ) {
    name = HostName(authority.host)
    guard let name else {
      isAuthenticateHost = false
      isServed = false
      hasPathRules = false
      onlyPlan = nil
      firstRoute = nil
      serverNames = []
      return
    }
    isAuthenticateHost = name == configuration.authenticateHost
    isServed = !isAuthenticateHost && table.servesHost(name)
    let matching = isServed ? table.routes.filter { $0.origin.scheme.isWeb && $0.origin.host.matches(name) } : []
    hasPathRules = matching.contains {
      $0.path != .any || $0.http.prefixRewrite != nil || $0.http.shaping.rewritesPaths
        || $0.targets.contains { !$0.path.isEmpty && $0.path != "/" }
    }
    serverNames = Set(matching.compactMap(\.http.shaping.downstreamServerName))
    if case .route(let route) = table.route(host: name, port: authority.port, path: "/") {
      firstRoute = route
    } else {
      firstRoute = matching.first
    }
    if matching.count == 1, let route = matching.first, route.path == .any, route.origin.port == nil {
      onlyPlan = plan(route)
    } else {
      onlyPlan = nil
    }
  }
}
