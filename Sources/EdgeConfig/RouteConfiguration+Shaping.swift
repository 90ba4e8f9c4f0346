package import Patterns

/// How a route changes requests on their way to the service, beyond fixed headers and prefixes.
package struct RouteShaping: Sendable, Equatable {
  /// `regex_rewrite_pattern` and `regex_rewrite_substitution`.
  package var pathRewrite: Substitution?
  /// `host_path_regex_rewrite_pattern` and `host_path_regex_rewrite_substitution`.
  package var hostFromPath: Substitution?
  /// `set_request_headers` whose values are made for each request.
  package var headerTemplates: [HeaderTemplate] = []
  /// `jwt_groups_filter` of the route; none: that of the global key alone.
  package var groupsFilter: [String]?
  /// `jwt_issuer_format` of the route.
  package var issuerIsURI: Bool?
  /// `kubernetes_service_account_token`.
  package var kubernetesToken: SecretString?
  /// `tls_downstream_server_name`: lower case.
  package var downstreamServerName: String?

  package init() {}

  /// Whether a service of it is handed the provider's tokens.
  package var needsProviderTokens: Bool {
    headerTemplates.contains { $0.parts.contains(.accessToken) || $0.parts.contains(.idToken) }
  }
}

/// A header with `${…}` in its value.
package struct HeaderTemplate: Sendable, Hashable {
  package enum Part: Sendable, Hashable {
    case literal(String)
    /// `${pomerium.access_token}`
    case accessToken
    /// `${pomerium.id_token}`
    case idToken
    /// `${pomerium.jwt}`: the assertion.
    case assertion
    /// `${pomerium.client_cert_fingerprint}`
    case certificateFingerprint
    /// `${pomerium.client_cert_san_dns}`
    case certificateDNSName
    /// `${pomerium.client_cert_san_email}`
    case certificateAddress
    /// `${pomerium.request.headers["X-Name"]}`
    case requestHeader(String)
  }

  package var name: String
  package var parts: [Part]

  package init(name: String, parts: [Part]) {
    self.name = name
    self.parts = parts
  }
}
