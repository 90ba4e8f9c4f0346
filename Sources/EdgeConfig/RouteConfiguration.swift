package import Patterns
package import Policy

/// One entry of `routes`, validated.
package struct RouteConfiguration: Sendable, Equatable {
  /// `route-` and 16 hex digits; the same as long as `from`, the path match and `to` are.
  package var id: String
  package var name: String
  package var description: String
  package var from: RouteFrom
  package var path: RoutePath
  /// Empty only where the route has a tunnel.
  package var targets: [RouteTo]
  /// Instead of a service.
  package var answer: RouteAnswerConfiguration?
  /// `upstream_tunnel`: never dialled by the edge.
  package var tunnel: RouteTunnel?
  /// Who may visit, with what the older `allow…` keys add.
  package var visitPolicy: AccessPolicy
  /// `allow_public_unauthenticated_access`.
  package var isPublic: Bool
  package var http: RouteHTTP
  package var balance: RouteBalanceConfiguration
  /// `depends_on`: hosts, with a port where one is written.
  package var dependsOn: [String]
  /// Where the entry begins.
  package var position: SourcePosition

  /// Moved lines are no change of a route.
  package static func == (left: Self, right: Self) -> Bool {
    left.id == right.id && left.name == right.name && left.description == right.description && left.from == right.from
      && left.path == right.path && left.targets == right.targets && left.answer == right.answer
      && left.tunnel == right.tunnel
      && left.visitPolicy == right.visitPolicy && left.isPublic == right.isPublic && left.http == right.http
      && left.balance == right.balance && left.dependsOn == right.dependsOn
  }
}

package struct RouteFrom: Sendable, Hashable {
  package enum Scheme: String, Sendable { case https, ssh, tcp = "tcp+https" }
  package var scheme: Scheme
  /// Lower case, ASCII, no trailing dot; one `*` may stand in the first label.
  package var host: String
  /// As written.
  package var port: Int?

  package var isWildcard: Bool { host.contains("*") }
}

package enum RoutePath: Sendable, Hashable {
  case any
  case prefix(String)
  case exact(String)
  /// `regex`, with `regex_priority_order`.
  case pattern(WholePattern, priority: Int?)

  /// The same for two routes that serve the same paths.
  var key: String {
    switch self {
    case .any: "any"
    case .prefix(let prefix): "prefix \(prefix)"
    case .exact(let path): "path \(path)"
    case .pattern(let pattern, _): "regex \(pattern.text)"
    }
  }
}

package struct RouteTo: Sendable, Hashable {
  package enum Scheme: String, Sendable { case http, https, h2c, tcp, ssh }
  package var scheme: Scheme
  /// Without brackets.
  package var host: String
  package var port: Int
  package var portIsExplicit: Bool
  /// Empty, or begins with a slash: acts as a prefix rewrite.
  package var path: String
  /// How many turns it has for one of a target with weight 1.
  package var weight: Int
}

package struct RouteTunnel: Sendable, Equatable {
  /// Who may open it.
  package var publishPolicy: AccessPolicy
  /// `tunnel_sharing: allowed`.
  package var isShared: Bool
}

/// How an `https` service is checked, and what it is shown.
package struct RouteUpstreamTLS: Sendable, Equatable {
  package var skipsVerification: Bool
  /// Instead of the host of `to`.
  package var serverName: String?
  /// PEM; trusted beside the system's.
  package var certificateAuthority: String?
  /// PEM, both or none.
  package var clientCertificate: String?
  package var clientKey: SecretString?
}

/// `idp_client_id` and its secret of one route.
package struct RouteClient: Sendable, Equatable {
  package var id: String
  package var secret: SecretString
}

package struct RouteHTTP: Sendable, Equatable {
  package var preservesHostHeader: Bool
  /// `host_rewrite`: the Host of every request to the service.
  package var hostRewrite: String?
  /// `host_rewrite_header`: the field of the request that holds it.
  package var hostRewriteHeader: String?
  package var responseRewrites: [HeaderRewrite]
  package var upstreamTLS: RouteUpstreamTLS
  /// Of the route, else the global key.
  package var passesIdentityHeaders: Bool
  /// If the route writes it; 0 is none.
  package var timeout: Milliseconds?
  /// If the route writes it; 0 is none.
  package var idleTimeout: Milliseconds?
  package var limits: RequestLimitsConfiguration
  package var setRequestHeaders: [HeaderSetting]
  package var removeRequestHeaders: [String]
  package var setResponseHeaders: [HeaderSetting]
  /// `error_pages` of the route itself: texts by `403` or `5xx`.
  package var errorPages: [String: String]
  /// `show_error_details`.
  package var showsErrorDetails: Bool
  package var prefixRewrite: String?
  package var allowsCORSPreflight: Bool
  /// False only where the route says so.
  package var allowsWebSockets: Bool
  /// Lower case, beside `websocket`.
  package var allowedUpgrades: [String]
  /// `https://host[:port]`, lower case.
  package var allowedOrigins: [String]
  package var shaping = RouteShaping()
  /// Whom its visitors sign in as a client; none: the edge's own.
  package var client: RouteClient?
}
