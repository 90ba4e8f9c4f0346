import Routing
import SSHProtocol

/// One granted `tcpip-forward` of a connection.
struct Forward {
  /// Where the client's streams lead.
  enum Destination {
    /// To one place, whatever is asked.
    case fixed
    /// Port 0 was asked for, which may mean either; the first answer tells (product.md, fine point 2).
    case unknown
    /// Wherever SOCKS asks for.
    case asked
  }

  /// What opens and cancels repeat: the host as it was typed and the port, or the one allocated for port 0.
  let address: ForwardAddress
  let name: ForwardName
  /// A forward without a host stands for the route it was resolved to, for good (security rule 4).
  let pinnedRoute: RouteID?
  /// By route: what the registry holds for it.
  var bindings: [RouteID: Bound] = [:]
  var destination: Destination
  /// As far as is known.
  var speaksSOCKS: Bool { destination != .fixed }

  struct Bound {
    let id: BindingID
    let routeID: RouteID
    /// Where visitors find it, under the name that was bound.
    let origin: RouteOrigin
    let counters: BindingCounters
    /// Of the service behind it, where the route asks for checks.
    let health: MemberHealth
    var state: BindingState
    /// Whether the route may have several publishers, as of the last decision.
    var isShared: Bool

    var name: HostPattern { origin.host }
    var url: String { origin.url }
    /// False: the tunnel stands, and this version lets nobody reach it.
    var isServed: Bool { origin.scheme.isServed }

    /// What health checks find wrong with the service behind it.
    var ailment: String? {
      guard health.status == .unhealthy else { return nil }
      let reason = health.reason
      return reason.isEmpty ? "your local service is not healthy" : "your local service is not healthy: \(reason)"
    }

    /// Its state in words.
    var standing: String {
      switch state {
      case .attached:
        origin.scheme.whyNotServed.map { "bound, but not reachable: \($0)" }
          ?? ailment.map { "published, but \($0)" } ?? "published"
      case .detached(let reason): "not reachable: \(reason.rawValue)"
      }
    }
  }

  /// Under which name the registry knows this forward on that route.
  func boundName(on route: Route) -> HostPattern { name.host.map(HostPattern.init) ?? route.origin.host }

  /// The routes it names in this table.
  func routes(in table: RouteTable) -> [Route] {
    let named = table.tunnelRoutes(forward: name)
    return pinnedRoute.map { pinned in named.filter { $0.id == pinned } } ?? named
  }
}
