/// One entry of `health_checks`. Times are in milliseconds.
package struct HealthCheck: Sendable, Hashable {
  package enum Probe: Sendable, Hashable {
    /// GET; without ranges of statuses 200 is expected.
    case http(path: String, host: String?, expected: [Range<Int>], speaksHTTP2: Bool)
    /// Sends these bytes, if any, and wants these in the answer, in this order. With neither, a connection is enough.
    case tcp(send: [UInt8], receive: [[UInt8]])
    /// `grpc.health.v1.Health/Check` of this service; empty: of the whole server.
    case grpc(service: String, authority: String?)
  }

  package var probe: Probe
  /// How long one check may take.
  package var timeout: Int64 = 5_000
  /// From the end of a check to the next.
  package var interval: Int64 = 10_000
  /// The first check comes within so long.
  package var initialJitter: Int64 = 0
  /// Failures in a row that make a healthy member unhealthy.
  package var unhealthyThreshold = 2
  /// Successes in a row that make an unhealthy member healthy.
  package var healthyThreshold = 1

  package init(_ probe: Probe) { self.probe = probe }
}
