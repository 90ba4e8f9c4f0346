/// The listener for whoever watches the edge. Present when `metrics_address` is.
package struct MetricsConfiguration: Sendable, Equatable {
  /// Loopback, unless there are credentials (security rule 36).
  package var address: ListenAddress
  /// `metrics_basic_auth`, decoded: `user:password`.
  package var credentials: SecretString?

  package init(address: ListenAddress, credentials: SecretString? = nil) {
    self.address = address
    self.credentials = credentials
  }
}
