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

  static func key(_ pem: String, name: String) throws(EdgeSettingsError) -> PrivateKey {
    do {
      return try PrivateKey(text: pem)
    } catch {
      throw EdgeSettingsError(description: "\(name): \(error.message)")
    }
  }
}

extension String {
  fileprivate var trimmingTrailingBlank: String { hasSuffix(" ") ? String(dropLast()) : self }
}
