import Routing
import SSHProtocol

/// One granted `tcpip-forward` of a connection.
struct Forward {
  /// What opens and cancels repeat: the host as it was typed and the port, or the one allocated for port 0.
  let address: ForwardAddress
  let name: ForwardName
  /// A forward without a host stands for the route it was resolved to, for good (security rule 4).
  let pinnedRoute: RouteID?
  /// By route: what the registry holds for it.
  var bindings: [RouteID: Bound] = [:]
  /// A dynamic forward whose client turned out to have a fixed destination (product.md, fine point 2).
  var speaksSOCKS: Bool

  struct Bound {
    let id: BindingID
    let routeID: RouteID
    let name: HostPattern
    let url: String
    let counters: BindingCounters
    var state: BindingState
  }

  /// Under which name the registry knows this forward on that route.
  func boundName(on route: Route) -> HostPattern {
    if case .host(let host) = name.meaning { return HostPattern(host) }
    return route.origin.host
  }

  /// The routes it names in this table.
  func routes(in table: RouteTable) -> [Route] {
    if let pinnedRoute {
      return table.tunnelRoutes(forward: name).filter { $0.id == pinnedRoute }
    }
    return table.tunnelRoutes(forward: name).filter(\.origin.scheme.isWeb)
  }
}
