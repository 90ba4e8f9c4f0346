/// The answer to "through which tunnel does this request go?".
package enum TunnelPick: Sendable {
  case binding(Binding)
  case none(NoTunnelReason)
}

/// Why no tunnel can take a request.
package enum NoTunnelReason: Sendable, Hashable {
  /// Nobody has one open.
  case neverConnected
  /// Somebody's tunnel is connected and detached.
  case detached(ownerDisplayName: String)
  /// The tunnel was lost a moment ago; waiting may help (`TunnelRegistry.whenAvailable`).
  case reconnecting
  /// The service behind every tunnel fails its health checks.
  case unhealthy
}

/// How a route wants its tunnel chosen.
package struct TunnelChoice: Sendable, Hashable {
  /// `load_balancing_policy`, where the route writes it; else `tunnel_balance` decides.
  package var policy: BalancePolicy?
  /// `healthy_panic_threshold`, in per cent: with fewer healthy tunnels than this the unhealthy ones serve, too.
  package var panicThreshold: Int

  package init(policy: BalancePolicy? = nil, panicThreshold: Int = 50) {
    self.policy = policy
    self.panicThreshold = panicThreshold
  }
}

package struct TunnelRegistryConfiguration: Sendable, Equatable {
  /// `tunnel_balance`: for routes without a policy of their own.
  package var balance = BalancePolicy.roundRobin
  /// How long a lost tunnel's name is kept for its owner, and a visitor's request may wait for it; in milliseconds.
  package var reconnectGrace: Int64 = 10_000
  /// Of routes that write their own.
  package var routeGraces: [RouteID: Int64] = [:]
  /// Bindings one connection may hold in all.
  package var bindingsPerConnection = 1024
  /// Limits of security rule 26 on waiting requests.
  package var parkedPerRoute = 64
  package var parkedPerSession = 4
  package var parkedPerAddress = 2
  package var parkedInAll = 1024

  package init() {}

  func reconnectGrace(of route: RouteID) -> Int64 { routeGraces[route] ?? reconnectGrace }
}
