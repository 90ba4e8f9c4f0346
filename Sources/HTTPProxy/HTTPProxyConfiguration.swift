import EdgeCrypto
import HTTPWire
import Policy
import Routing

/// What the front door is told by the composition root. Times are in milliseconds; 0 is none.
package struct HTTPProxyConfiguration: Sendable {
  package struct Address: Sendable, Hashable {
    /// `nil` means every address of both families.
    package var host: String?
    package var port: Int

    package init(host: String? = nil, port: Int) {
      self.host = host
      self.port = port
    }
  }

  /// Whether connections to services are kept for the next request (`tunnel_pool`, security rule 25).
  package enum TunnelPool: String, Sendable {
    case shared, session, off
  }

  /// Where to listen; all of them, or the start fails.
  package var addresses: [Address]
  /// Plain HTTP that only sends visitors to HTTPS (`http_redirect_addr`).
  package var redirectAddresses: [Address] = []
  /// `nil` with `insecure_server`: plain HTTP, TLS ends somewhere before us.
  package var tls: TLSServerContext?
  package var authenticateHost: HostName?
  /// The port of its address; `nil` is 443.
  package var authenticatePort: Int?
  /// The whole name of the session cookie, `__Host-…`.
  package var cookieName = "__Host-_pomerium"
  /// Forwarded addresses count from these only (security rule 22).
  package var trustedProxies: [AddressRange] = []
  /// `xff_num_trusted_hops`.
  package var trustedHops = 0
  /// `skip_xff_append`: the address of a trusted proxy is not added to what it says.
  package var skipsForwardedAppend = false
  /// Where visitors are asked for certificates (`tls.clients`): whether every route refuses those without a good one.
  package var requiresCertificates = true
  /// `use_proxy_protocol`: connections of trusted proxies begin with a PROXY header.
  package var usesProxyProtocol = false
  /// `codec_type`.
  package enum Protocols: String, Sendable {
    case all, http1, http2

    /// Offered in the TLS handshake, the best first. Clients of HTTP/1.0 name it, too.
    package var names: [String] {
      switch self {
      case .all: ["h2", "http/1.1", "http/1.0"]
      case .http1: ["http/1.1", "http/1.0"]
      case .http2: ["h2"]
      }
    }
  }

  /// What visitors may speak.
  package var protocols = Protocols.all
  /// What is done with requests before anything is decided about them.
  package var treatment = RequestTreatment()
  /// `jwt_groups_filter` of all routes.
  package var groupsFilter: [String]?
  /// Header name to claim (`jwt_claims_headers`).
  package var claimHeaders: [(name: String, claim: String)] = []
  /// `set_response_headers` of all routes, instead of what services send under these names.
  package var setResponseHeaders: [(name: String, value: String)] = []
  /// Sent where the service sent none of that name.
  package var defaultResponseHeaders: [(name: String, value: String)] = Self.securityHeaders

  /// `timeout_read`: the request head, and silence within a body.
  package var readTimeout: Int64 = 30_000
  /// `timeout_write`: how long a visitor may leave what we send unread.
  package var writeTimeout: Int64 = 120_000
  /// `timeout_idle`: a connection without a request.
  package var idleTimeout: Int64 = 300_000
  /// `default_upstream_timeout`: the wait for a response head.
  package var upstreamTimeout: Int64 = 30_000
  package var connections = ConnectionLimits()
  /// What an HTTP/2 visitor may do at once.
  package var http2 = HTTP2Limits()
  package var tunnelPool = TunnelPool.shared
  /// Connections to one service that are kept without a request for longer than a moment.
  package var pooledPerBinding = 8
  /// How long, where the service does not say: less than what common servers allow (node 5 s).
  package var pooledIdleTime: Int64 = 4_000

  package init(addresses: [Address], tls: TLSServerContext?) {
    self.addresses = addresses
    self.tls = tls
  }

  package init(address: Address, tls: TLSServerContext?) {
    self.init(addresses: [address], tls: tls)
  }

  /// Product fine point 12.
  package static let securityHeaders: [(name: String, value: String)] = [
    ("Strict-Transport-Security", "max-age=31536000"),
    ("X-Frame-Options", "SAMEORIGIN"),
  ]
}
