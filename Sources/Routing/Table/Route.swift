import Patterns
import Policy

/// One entry of `routes:`, validated: where visitors find it, what stands behind it, and the two policies.
package struct Route: Sendable, Equatable, Identifiable {
  /// Stable while `from`, the path match and the destination stay the same; logged as `route-<hex>`.
  package var id: RouteID
  /// The name for portals and logs; may be empty.
  package var name: String
  package var origin: RouteOrigin
  package var path: PathMatch
  /// What `to` says. Empty where the route is served by a tunnel and `to` was left out.
  package var targets: [RouteTarget]
  /// What it says instead of being served.
  package var answer: RouteAnswer?
  /// Present: the route is backed by tunnels only and never dialled (security rule 2).
  package var tunnel: TunnelSettings?
  /// Who may visit.
  package var visitPolicy: AccessPolicy
  /// Visitors need not sign in (`allow_public_unauthenticated_access`).
  package var isPublic: Bool
  package var http: HTTPRouteSettings
  package var balance: RouteBalance
  /// `depends_on`: hosts, with a port where one is written, that a sign-in here visits, too.
  package var dependsOn: [String]

  package init(
    id: RouteID, name: String = "", origin: RouteOrigin, path: PathMatch = .any, targets: [RouteTarget] = [],
    answer: RouteAnswer? = nil, tunnel: TunnelSettings? = nil, visitPolicy: AccessPolicy, isPublic: Bool = false,
    http: HTTPRouteSettings = .init(), balance: RouteBalance = .init(), dependsOn: [String] = []
  ) {
    self.id = id
    self.name = name
    self.origin = origin
    self.path = path
    self.targets = targets
    self.answer = answer
    self.tunnel = tunnel
    self.visitPolicy = visitPolicy
    self.isPublic = isPublic
    self.http = http
    self.balance = balance
    self.dependsOn = dependsOn
  }
}

package struct RouteID: Sendable, Hashable, CustomStringConvertible {
  package var rawValue: String
  package init(_ rawValue: String) { self.rawValue = rawValue }
  package var description: String { rawValue }
}

/// What `from` says.
package struct RouteOrigin: Sendable, Hashable {
  package enum Scheme: String, Sendable { case https, http, ssh, tcp = "tcp+https", udp = "udp+https" }
  package var scheme: Scheme
  package var host: HostPattern
  /// As written in `from`; `nil` means any incoming port.
  package var port: Int?

  package init(scheme: Scheme, host: HostPattern, port: Int? = nil) {
    self.scheme = scheme
    self.host = host
    self.port = port
  }

  /// The address visitors use.
  package var url: String {
    let usual = scheme.isWeb ? 443 : scheme == .ssh ? 22 : nil
    let suffix = port.map { $0 == usual ? "" : ":\($0)" } ?? ""
    return "\(scheme == .http ? "https" : scheme.rawValue)://\(host)\(suffix)"
  }
}

extension RouteOrigin.Scheme {
  /// Served to visitors who speak HTTP.
  package var isWeb: Bool { self == .https || self == .http }

  /// Whether visitors can reach such routes in this version. Tunnels bind to the others, too, and everything that shows
  /// a binding says that nobody reaches it yet.
  package var isServed: Bool { whyNotServed == nil }

  /// In words for whoever publishes such a route.
  package var whyNotServed: String? {
    switch self {
    case .https, .http: nil
    case .ssh: "ssh routes are not served yet"
    case .tcp: "TCP routes are not served yet"
    case .udp: "UDP routes are not served yet"
    }
  }
}

/// Which paths of its host a route serves.
package enum PathMatch: Sendable, Hashable {
  case any
  case prefix(String)
  case exact(String)
  /// All of the path matches. Among the patterns of one host a higher priority comes first, and none last.
  case pattern(WholePattern, priority: Int?)
}

/// One URL of `to`.
package struct RouteTarget: Sendable, Hashable {
  package enum Scheme: String, Sendable { case http, https, h2c, tcp, ssh }
  package var scheme: Scheme
  package var host: String
  package var port: Int
  /// Whether the port was written; decides the Host header.
  package var portIsExplicit: Bool
  /// A path in `to` acts as a prefix rewrite; empty when there is none.
  package var path: String
  /// How many turns it has for one of a target with weight 1.
  package var weight: Int

  package init(
    scheme: Scheme, host: String, port: Int, portIsExplicit: Bool, path: String = "", weight: Int = 1
  ) {
    self.scheme = scheme
    self.host = host
    self.port = port
    self.portIsExplicit = portIsExplicit
    self.path = path
    self.weight = weight
  }
}

/// What `upstream_tunnel` says.
package struct TunnelSettings: Sendable, Equatable {
  /// Who may open the tunnel.
  package var publishPolicy: AccessPolicy
  /// Whether several people may back the route at once (`tunnel_sharing: allowed`, security rule 1).
  package var isShared: Bool

  package init(publishPolicy: AccessPolicy, isShared: Bool = false) {
    self.publishPolicy = publishPolicy
    self.isShared = isShared
  }
}

/// The keys of an HTTP route that shape requests and responses. Times are in milliseconds.
package struct HTTPRouteSettings: Sendable, Equatable {
  package var preservesHostHeader = false
  /// The Host of every request to the service, instead of that of `to`.
  package var hostRewrite: String?
  /// The field of the request that holds it.
  package var hostRewriteHeader: String?
  /// A value that begins with `prefix` begins with `value` instead.
  package var responseRewrites: [(name: String, prefix: String, value: String)] = []
  /// For `https` targets.
  package var upstreamTLS = UpstreamTLSSettings()
  package var passesIdentityHeaders = false
  /// `timeout`, if the route writes it: bounds the whole exchange; 0 means none.
  package var timeout: Int64?
  /// `idle_timeout`, if the route writes it; 0 means none.
  package var idleTimeout: Int64?
  /// How much may be asked of it.
  package var limits = RequestLimits()
  package var setRequestHeaders: [(name: String, value: String)] = []
  package var removeRequestHeaders: [String] = []
  package var setResponseHeaders: [(name: String, value: String)] = []
  /// What people see instead of the edge's own pages.
  package var errorPages = ErrorPages()
  /// Whether people who are refused are told which rule it was.
  package var showsErrorDetails = false
  package var prefixRewrite: String?
  package var allowsCORSPreflight = false
  /// Whether WebSockets may pass; only `allow_websockets: false` forbids it.
  package var allowsWebSockets = true
  /// Upgrade tokens beyond `websocket` (lower case).
  package var allowedUpgrades: [String] = []
  /// Origins, beside the route's own, whose pages may send cookie-admitted unsafe requests (security rule 18).
  package var allowedOrigins: [String] = []
  package var shaping = RequestShaping()
  /// The client that visitors must have signed in with, as their sessions name it; nil: the edge's own.
  package var signInClient: String?

  package init() {}

  package static func == (left: Self, right: Self) -> Bool {
    left.preservesHostHeader == right.preservesHostHeader && left.upstreamTLS == right.upstreamTLS
      && left.hostRewrite == right.hostRewrite && left.hostRewriteHeader == right.hostRewriteHeader
      && left.responseRewrites.elementsEqual(right.responseRewrites, by: ==)
      && left.passesIdentityHeaders == right.passesIdentityHeaders && left.timeout == right.timeout
      && left.idleTimeout == right.idleTimeout && left.limits == right.limits
      && left.setRequestHeaders.elementsEqual(right.setRequestHeaders, by: ==)
      && left.removeRequestHeaders == right.removeRequestHeaders
      && left.setResponseHeaders.elementsEqual(right.setResponseHeaders, by: ==)
      && left.errorPages == right.errorPages && left.showsErrorDetails == right.showsErrorDetails
      && left.prefixRewrite == right.prefixRewrite && left.allowsCORSPreflight == right.allowsCORSPreflight
      && left.allowsWebSockets == right.allowsWebSockets
      && left.allowedUpgrades == right.allowedUpgrades && left.allowedOrigins == right.allowedOrigins
      && left.shaping == right.shaping && left.signInClient == right.signInClient
  }
}
