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
}

/// How requests are spread over several tunnels of one route (`tunnel_balance`).
package enum TunnelBalance: String, Sendable {
  case roundRobin = "round_robin"
  case leastRequest = "least_request"
  /// The oldest one, until it is gone.
  case failover
}

package struct TunnelRegistryConfiguration: Sendable, Equatable {
  package var balance = TunnelBalance.roundRobin
  /// How long a lost tunnel's name is kept for its owner, and a visitor's request may wait for it.
  package var reconnectGraceSeconds: Int64 = 10
  /// Bindings one connection may hold in all.
  package var bindingsPerConnection = 1024
  /// Limits of security rule 26 on waiting requests.
  package var parkedPerRoute = 64
  package var parkedPerSession = 4
  package var parkedPerAddress = 2

  package init() {}
}
