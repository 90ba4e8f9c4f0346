import EdgeConfig
import EdgeCrypto
import HTTPProxy
import Identity
import Policy
import Routing
import SSHProtocol
import SSHServer

/// What keeps an edge from taking a configuration that reads well: a key that is none, a certificate of another key.
package struct EdgeSettingsError: Error, CustomStringConvertible {
  package var description: String
}

/// The settings of each part, made from one configuration.
struct EdgeSettings: Sendable {
  var identity: IdentityConfiguration
  var http: HTTPProxyConfiguration
  var ssh: SSHServerConfiguration?
  private var pages: OwnPagesConfiguration
  var registry: TunnelRegistryConfiguration
  var routes: [Route]
  var reservedHosts: Set<HostName>
  var hostKeyFingerprints: [String]
  var serviceAccounts: ServiceAccounts
  private let hostCertificates: HostCertificates
  private let uncoveredNames: [String]

  /// `sharedSecret`: for a file without one, made at the start of the process, as `ticketKeys` are.
  init(
    _ configuration: EdgeConfiguration, sharedSecret: [UInt8], ticketKeys: TicketKeys = TicketKeys(), audit: AuditLog?
  ) throws(EdgeSettingsError) {
    routes = configuration.routes.compactMap(Route.init)
    Self.nameClients(of: &routes, configuration)
    if !configuration.flags.matchAnyIncomingPort {
      for index in routes.indices where routes[index].origin.scheme.isWeb && routes[index].origin.port == nil {
        routes[index].origin.port = 443
      }
    }
    try Self.checkUpstreamTLS(of: routes)
    reservedHosts = Self.reservedHosts(configuration)
    identity = try Self.identity(configuration, sharedSecret: sharedSecret)
    http = try Self.http(configuration, ticketKeys: ticketKeys)
    // Without any certificate the file's own warning says so.
    let served = configuration.listener.certificates.isEmpty ? [] : ListenerTLS.servedNames(configuration)
    uncoveredNames = http.tls.map { ListenerTLS.uncovered(served, by: $0) } ?? []
    let hostKeys = try Self.hostKeys(configuration)
    hostCertificates = try HostCertificates(configuration.ssh?.hostCertificates ?? [], hostKeys: hostKeys)
    ssh = Self.ssh(configuration, hostKeys: hostKeys, audit: audit)
    ssh?.hostCertificates = hostCertificates.certificates
    let publicKeys = hostKeys.map { SSHPublicKey($0.publicKey) }
    hostKeyFingerprints = publicKeys.map { "\($0.algorithmName) \($0.fingerprint)" }
    serviceAccounts = ServiceAccounts(configuration.serviceAccounts.map(ServiceAccount.init))
    pages = Self.pages(configuration, hostKeys: publicKeys)
    registry = Self.registry(configuration, routes)
  }

  /// What our own pages say; `/readyz` asks for the readiness of the edge.
  func pages(_ readiness: Readiness) -> OwnPagesConfiguration {
    var pages = pages
    pages.isReady = { readiness.isReady }
    pages.readinessNote = { readiness.note }
    return pages
  }

  /// What does not keep an edge from starting, and should be seen to.
  func warnings(at now: UnixTime) -> [String] {
    serviceAccounts.warnings(at: now) + hostCertificates.warnings(at: now)
      + (http.tls.map { ListenerTLS.warnings($0, at: now) } ?? [])
      + [ListenerTLS.warning(uncovered: uncoveredNames)].compactMap { $0 }
  }

  /// As `check` makes them: to see what would keep an edge from starting with this file, beyond what loading it tells.
  static func trial(_ configuration: EdgeConfiguration) throws(EdgeSettingsError) -> EdgeSettings {
    try EdgeSettings(configuration, sharedSecret: [UInt8](repeating: 0, count: 32), audit: nil)
  }

  /// Names that no route may take (security rule 3): the authenticate host, and those of the ssh and metrics listeners where
  /// they have one.
  private static func reservedHosts(_ configuration: EdgeConfiguration) -> Set<HostName> {
    let listeners = [configuration.ssh?.address.host, configuration.metrics?.address.host]
    let names = listeners.compactMap { $0 }.filter { $0 != "localhost" }
    return Set(([configuration.authenticateURL.host] + names).compactMap { HostName($0) })
  }

  /// By the name that sessions of the client bear.
  private static func nameClients(of routes: inout [Route], _ configuration: EdgeConfiguration) {
    let own = configuration.identityProvider
    let written = Dictionary(
      configuration.routes.compactMap { route in route.http.client.map { (route.id, $0.id) } },
      uniquingKeysWith: { first, _ in first })
    for index in routes.indices {
      guard let client = written[routes[index].id.rawValue], client != own.clientID else { continue }
      routes[index].http.signInClient =
        ProviderConfiguration(name: own.name, issuer: own.issuerURL, clientID: client, clientSecret: "").fingerprint
    }
  }

  /// A certificate or key of a route that is none must not wait for its first visitor.
  private static func checkUpstreamTLS(of routes: [Route]) throws(EdgeSettingsError) {
    for route in routes where route.http.upstreamTLS != UpstreamTLSSettings() {
      do throws(CryptoError) {
        _ = try TLSClientContext(route.http.upstreamTLS)
      } catch {
        throw EdgeSettingsError(description: "route \(route.origin.url), TLS to the service: \(error.message)")
      }
    }
  }

  private static func identity(_ configuration: EdgeConfiguration, sharedSecret: [UInt8]) throws(EdgeSettingsError)
    -> IdentityConfiguration
  {
    let written = configuration.identityProvider
    var provider = ProviderConfiguration(
      name: written.name, issuer: written.issuerURL, clientID: written.clientID,
      clientSecret: written.clientSecret.reveal())
    provider.scopes = written.scopes
    provider.requestParameters = written.requestParameters.map { ($0.name, $0.value) }
    provider.emailTrusted = written.emailIsTrusted
    provider.groupsClaim = written.groupsClaim
    var identity = IdentityConfiguration(
      authenticateURL: configuration.authenticateURL.text, sharedSecret: sharedSecret, provider: provider)
    identity.routeClients = routeClients(configuration, beside: provider)
    identity.cookieSecret = configuration.cookie.secret?.reveal()
    identity.cookieName = configuration.cookie.name
    identity.sessionLifetime = configuration.cookie.lifetime / 1000
    identity.workloadMaxSession = configuration.workloadMaxSession / 1000
    if let pem = configuration.assertion.signingKeyPEM {
      identity.signingKey = try key(pem.reveal(), name: "signing_key")
    }
    identity.loopbackHosts = Set(configuration.loopbackHosts)
    identity.groupsFilter = configuration.assertion.groupsFilter
    identity.assertionClaims = configuration.assertion.claimHeaders.map(\.claim)
    identity.issuerIsURI = configuration.assertion.issuerIsURI
    identity.keepsProviderTokens = configuration.routes.contains { $0.http.shaping.needsProviderTokens }
    if let ssh = configuration.ssh {
      identity.sshSignInTimeout = ssh.signInTimeout / 1000
      identity.sshNewSource = ssh.newSource == .notify ? .notify : .signIn
      identity.sshSignInCheck =
        switch ssh.signInCheck {
        case .auto: .auto
        case .page: .page
        case .terminal: .terminal
        }
    }
    return identity
  }

  /// Clients of routes, each once; the edge's own is none of them.
  private static func routeClients(
    _ configuration: EdgeConfiguration, beside own: ProviderConfiguration
  ) -> [ProviderConfiguration] {
    var clients: [ProviderConfiguration] = []
    for written in configuration.routes.compactMap(\.http.client) where written.id != own.clientID {
      var client = own
      client.clientID = written.id
      client.clientSecret = written.secret.reveal()
      if !clients.contains(client) { clients.append(client) }
    }
    return clients
  }

  private static func http(
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

  private static func hostKeys(_ configuration: EdgeConfiguration) throws(EdgeSettingsError) -> [PrivateKey] {
    var keys: [PrivateKey] = []
    for written in configuration.ssh?.hostKeys ?? [] {
      let key = try key(written.pem.reveal(), name: written.name)
      let name = SSHPublicKey(key.publicKey).algorithmName
      if keys.contains(where: { SSHPublicKey($0.publicKey).algorithmName == name }) {
        throw EdgeSettingsError(
          description: "\(written.name): a second \(name) host key; keep one of each algorithm")
      }
      keys.append(key)
    }
    return keys
  }

  private static func ssh(_ configuration: EdgeConfiguration, hostKeys: [PrivateKey], audit: AuditLog?)
    -> SSHServerConfiguration?
  {
    guard let written = configuration.ssh else { return nil }
    var ssh = SSHServerConfiguration(
      addresses: written.address.expanded.map { .init(host: $0.host, port: $0.port) }, hostKeys: hostKeys)
    ssh.softwareVersion = "TunnelEdge_\(Version.number)"
    ssh.prefersAESGCM = written.prefersAESGCM ?? Processor.hasAES
    ssh.requiresStrictKeyExchange = written.transport.requiresStrictKeyExchange
    ssh.offersGroup18 = written.transport.offersGroup18
    ssh.rekey.bytes = written.transport.rekeyBytes
    ssh.rekey.interval = written.transport.rekeyInterval.map { .milliseconds(UInt64(clamping: $0)) }
    ssh.loginGraceSeconds = written.loginGraceTime / 1000
    ssh.signInTimeoutSeconds = written.signInTimeout / 1000
    ssh.maxStartups = .init(
      start: written.maxStartups.start, rate: written.maxStartups.rate, full: written.maxStartups.full)
    ssh.sources = SourceLimits(written.sources)
    // What a proxy sends without a header, or for itself, stands for many people, too.
    ssh.sources.exempt += configuration.listener.trustedProxies
    ssh.maxConnectionsPerPerson = written.maxConnectionsPerUser
    ssh.usesProxyProtocol = written.usesProxyProtocol
    ssh.trustedProxies = configuration.listener.trustedProxies
    ssh.maxForwards = written.maxForwards
    ssh.maxChannels = written.maxChannels
    ssh.windowMemory = written.windowMemory > 0 ? written.windowMemory : SystemMemory.bytes / 4
    ssh.keepaliveSeconds = written.keepaliveInterval / 1000
    ssh.permitsPublishing = configuration.flags.sshUpstreamTunnel
    if let audit {
      ssh.events = { audit.record(.tunnel($0)) }
      ssh.gateEvents = { audit.record(.gate($0)) }
    }
    return ssh
  }

  private static func pages(_ configuration: EdgeConfiguration, hostKeys: [SSHPublicKey]) -> OwnPagesConfiguration {
    let port = configuration.ssh?.address.port ?? 22
    let host = configuration.authenticateURL.host
    let name = port == 22 ? host : "[\(host)]:\(port)"
    return OwnPagesConfiguration(
      knownHosts: hostKeys.map { "\(name) \($0.authorizedKeysLine(comment: ""))".trimmingTrailingBlank },
      hostKeyFingerprints: hostKeys.map { "\($0.algorithmName) \($0.fingerprint)" },
      administrator: configuration.listener.pages.contact,
      errorPages: ErrorPages(configuration.listener.pages.errorPages), signedOutURL: configuration.signedOutURL)
  }

  private static func registry(
    _ configuration: EdgeConfiguration, _ routes: [Route]
  ) -> TunnelRegistryConfiguration {
    var registry = TunnelRegistryConfiguration()
    registry.balance =
      switch configuration.tunnelBalance {
      case .roundRobin: .roundRobin
      case .leastRequest: .leastRequest
      case .failover: .failover
      }
    registry.reconnectGrace = configuration.reconnectGrace
    registry.routeGraces = Dictionary(
      routes.compactMap { route in route.balance.reconnectGrace.map { (route.id, $0) } }, uniquingKeysWith: { $1 })
    return registry
  }

  private static func key(_ pem: String, name: String) throws(EdgeSettingsError) -> PrivateKey {
    do {
      return try PrivateKey(text: pem)
    } catch {
      throw EdgeSettingsError(description: "\(name): \(error.message)")
    }
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

extension SourceLimits {
  fileprivate init(_ written: SourceLimitsConfiguration) {
    self.init()
    maxStartups = written.maxStartups
    block = SourceBlockSize(ipv4: written.ipv4Block, ipv6: written.ipv6Block)
    exempt = written.exempt
    penalties = written.penalties.map { written in
      var penalties = SourcePenalties()
      penalties.amounts = [
        .protocolBreach: written.crash, .failedAuthentication: written.authfail, .refused: written.refuseConnection,
        .noAttempt: written.noAuth, .graceExceeded: written.graceExceeded,
      ]
      penalties.minimum = written.minimum
      penalties.maximum = written.maximum
      penalties.maximumIPv4Sources = written.maximumSources4
      penalties.maximumIPv6Sources = written.maximumSources6
      return penalties
    }
  }
}

extension String {
  fileprivate var trimmingTrailingBlank: String { hasSuffix(" ") ? String(dropLast()) : self }
}

extension ServiceAccount {
  init(_ written: ServiceAccountConfiguration) {
    self.init(
      name: written.name, keys: written.keys,
      authorities: written.authorities.map { Authority(key: $0.key, principals: $0.principals) },
      workloads: written.workloads.map { workload in
        WorkloadTrust(
          issuer: WorkloadIssuer(name: workload.issuer, keysURL: workload.keysURL), audience: workload.audience,
          conditions: workload.conditions)
      },
      expiresAt: written.expiresAt, sources: written.sources, hosts: Set(written.hosts),
      tokenHashes: Set(written.tokenHashes))
  }
}
