/// How a route chooses among what serves it, and finds out who can. Times are in milliseconds.
package struct RouteBalance: Sendable, Hashable {
  /// `load_balancing_policy`, if the route writes it.
  package var policy: BalancePolicy?
  /// `healthy_panic_threshold`, in per cent.
  package var panicThreshold = 50
  package var healthChecks: [HealthCheck] = []
  /// `reconnect_grace`, if the route writes it.
  package var reconnectGrace: Int64?
  package var pool = Pool.shared

  /// `tunnel_pool`: whose requests may follow each other on one connection to a service (security rule 25).
  package enum Pool: Sendable { case shared, session, off }

  package init() {}

  package var tunnels: TunnelChoice { TunnelChoice(policy: policy, panicThreshold: panicThreshold) }
}
