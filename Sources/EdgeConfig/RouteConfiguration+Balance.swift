/// How a route chooses among what serves it.
package struct RouteBalanceConfiguration: Sendable, Equatable {
  package enum Policy: String, Sendable, CaseIterable {
    case roundRobin = "ROUND_ROBIN"
    case leastRequest = "LEAST_REQUEST"
    case random = "RANDOM"
    case ringHash = "RING_HASH"
    case maglev = "MAGLEV"
  }

  /// `tunnel_pool`: whose requests may follow each other on a connection to the service.
  package enum Pool: String, Sendable { case shared, session, off }

  /// If the route writes it.
  package var policy: Policy?
  /// In per cent.
  package var panicThreshold: Int
  package var healthChecks: [HealthCheckConfiguration]
  /// If the route writes it; 0 is none.
  package var reconnectGrace: Milliseconds?
  package var pool: Pool
}

/// One entry of `health_checks`.
package struct HealthCheckConfiguration: Sendable, Equatable {
  package enum Probe: Sendable, Equatable {
    case http(path: String, host: String?, expected: [Range<Int>], speaksHTTP2: Bool)
    case tcp(send: [UInt8], receive: [[UInt8]])
    case grpc(service: String, authority: String?)
  }

  package var probe: Probe
  package var timeout: Milliseconds
  package var interval: Milliseconds
  package var initialJitter: Milliseconds
  package var unhealthyThreshold: Int
  package var healthyThreshold: Int
}
