import EdgeConfig
import EdgeCrypto
import HTTPProxy
import Routing

/// The front door.
extension EdgeSettings {
  static func http(
    _ configuration: EdgeConfiguration, ticketKeys: TicketKeys
  ) throws(EdgeSettingsError) -> HTTPProxyConfiguration {
    let listener = configuration.listener
    var http = HTTPProxyConfiguration(
      addresses: listener.address.expanded.map { .init(host: $0.host, port: $0.port) },
      tls: listener.isInsecure ? nil : try ListenerTLS.context(listener, ticketKeys: ticketKeys))
    http.redirectAddresses = (listener.redirectAddress?.expanded ?? []).map { .init(host: $0.host, port: $0.port) }
    http.authenticateHost = HostName(configuration.authenticateURL.host)
    http.authenticatePort = configuration.authenticateURL.port
    http.cookieName = "__Host-\(configuration.cookie.name)"
    http.trustedProxies = listener.trustedProxies
    http.trustedHops = listener.trustedHops
    http.skipsForwardedAppend = listener.skipsForwardedAppend
    http.requiresCertificates = listener.clientCertificates?.enforcement != .policy
    http.usesProxyProtocol = listener.usesProxyProtocol
    http.claimHeaders = configuration.assertion.claimHeaders.map { ($0.header, $0.claim) }
    let written = listener.responseHeaders.map { (name: $0.name, value: $0.value) }
    let names = Set(written.map { $0.name.lowercased() })
    let usual = HTTPProxyConfiguration.securityHeaders.filter { !names.contains($0.name.lowercased()) }
    http.defaultResponseHeaders = listener.addsSecurityHeaders ? usual : []
    http.setResponseHeaders = written
    http.groupsFilter = configuration.assertion.groupsFilter
    http.treatment = RequestTreatment(listener.requests)
    http.protocols = .init(listener.requests.protocols)
    http.readTimeout = listener.readTimeout
    http.writeTimeout = listener.writeTimeout
    http.idleTimeout = listener.idleTimeout
    http.upstreamTimeout = listener.upstreamTimeout
    http.connections.total = min(listener.maxConnections, DescriptorLimit.forVisitors(of: DescriptorLimit.raise()))
    http.connections.perSource = min(listener.maxConnectionsPerSource, max(http.connections.total / 2, 1))
    http.connections.exempt += listener.trustedProxies
    return http
  }
}

extension ListenAddress {
  /// Where to listen in fact: `localhost` is both loopback addresses, an empty host every address.
  var expanded: [(host: String?, port: Int)] {
    if host.isEmpty { return [(nil, port)] }
    if host == "localhost" || host.hasSuffix(".localhost") { return [("127.0.0.1", port), ("::1", port)] }
    return [(host, port)]
  }
}

extension HTTPProxyConfiguration.Protocols {
  init(_ written: RequestReadingConfiguration.Protocols) {
    switch written {
    case .auto: self = .all
    case .http1: self = .http1
    case .http2: self = .http2
    }
  }
}

extension RequestTreatment {
  fileprivate init(_ written: RequestReadingConfiguration) {
    self.init()
    normalizesPath = written.normalizesPath
    mergesSlashes = written.mergesSlashes
    underscores =
      switch written.underscores {
      case .allow: .allow
      case .rejectRequest: .rejectRequest
      case .dropHeader: .dropField
      }
    escapedSlashes =
      switch written.escapedSlashes {
      case .keepUnchanged: .keepUnchanged
      case .rejectRequest: .rejectRequest
      case .redirect: .redirect
      case .forward: .forward
      }
  }
}
