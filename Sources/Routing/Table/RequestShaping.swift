import Patterns

/// How a route changes requests on their way to the service, beyond fixed headers and prefixes.
package struct RequestShaping: Sendable, Hashable {
  /// Replaces what matches in the path (`regex_rewrite_*`). Policies see the path that came.
  package var pathRewrite: Substitution?
  /// Makes the Host that the service sees from the path that came (`host_path_regex_rewrite_*`).
  package var hostFromPath: Substitution?
  /// Headers whose values are made for each request.
  package var headerTemplates: [HeaderTemplate] = []
  /// Groups that go into the assertion beside those of the global filter; `nil`: no filter of the route's own.
  package var groupsFilter: [String]?
  /// `jwt_issuer_format` of the route.
  package var issuerIsURI: Bool?
  /// Requests carry this token, and act for the visitor (`kubernetes_service_account_token`).
  package var kubernetesToken: String?
  /// A name in the handshake that stands for the route's host (`tls_downstream_server_name`).
  package var downstreamServerName: HostName?

  package init() {}

  /// Whether what the service is asked for follows from the path by a pattern.
  package var rewritesPaths: Bool { pathRewrite != nil || hostFromPath != nil }
}

/// A header with `${…}` in its value.
package struct HeaderTemplate: Sendable, Hashable {
  package enum Part: Sendable, Hashable {
    case literal(String)
    /// The provider's tokens of the visitor's session.
    case accessToken
    case idToken
    /// The value of X-Pomerium-Jwt-Assertion.
    case assertion
    /// Of the visitor's certificate: SHA-256 in hexadecimal, and the first names of each kind.
    case certificateFingerprint
    case certificateDNSName
    case certificateAddress
    /// A field of the visitor's request.
    case requestHeader(String)
  }

  package var name: String
  package var parts: [Part]

  package init(name: String, parts: [Part]) {
    self.name = name
    self.parts = parts
  }
}
