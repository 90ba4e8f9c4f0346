/// How a route's `https` services are checked, and what the edge shows them.
package struct UpstreamTLSSettings: Sendable, Hashable {
  /// `tls_skip_verify`: nothing is checked.
  package var skipsVerification = false
  /// `tls_upstream_server_name`: asked for and checked instead of the host of `to`.
  package var serverName: String?
  /// `tls_custom_ca` of the route, else `certificate_authority`: trusted beside the system's. PEM.
  package var certificateAuthority: String?
  /// `tls_client_cert` and its key. PEM.
  package var clientCertificate: String?
  package var clientKey: String?

  package init() {}
}
