import Logging
import Policy
import Routing
import SSHProtocol
import Synchronization

/// What all connections of a server share.
final class ServerState: Sendable {
  let authenticator: any Authenticator
  let routes: CurrentRoutes
  let registry: TunnelRegistry
  let openStreams: OpenStreams
  let clock: UnixClock
  let logger: Logger
  let gate: ConnectionGate
  let cryptography = CryptographyPool()
  let windowMemory: WindowMemory
  /// What users' certificates are checked against.
  let certificates: CertificateSurroundings

  private let current: Mutex<ServerSettings>
  private let connections = Mutex<[String: ConnectionHandle]>([:])

  init(
    configuration: SSHServerConfiguration, authenticator: any Authenticator, routes: CurrentRoutes,
    registry: TunnelRegistry, openStreams: OpenStreams, clock: @escaping UnixClock, logger: Logger
  ) {
    self.authenticator = authenticator
    self.routes = routes
    self.registry = registry
    self.openStreams = openStreams
    self.clock = clock
    let certificates = CertificateSurroundings(clock: clock)
    self.certificates = certificates
    let windowMemory = WindowMemory(limit: configuration.windowMemory)
    self.windowMemory = windowMemory
    current = Mutex(ServerSettings(configuration, certificates: certificates, windowMemory: windowMemory))
    self.logger = logger
    gate = ConnectionGate(configuration, random: configuration.random)
  }

  var settings: ServerSettings { current.withLock { $0 } }
  var configuration: SSHServerConfiguration { settings.server }

  func replace(configuration: SSHServerConfiguration) {
    windowMemory.setLimit(configuration.windowMemory)
    let settings = ServerSettings(configuration, certificates: certificates, windowMemory: windowMemory)
    current.withLock { $0 = settings }
    gate.configure(configuration)
  }

  func add(_ connection: ConnectionHandle) { connections.withLock { $0[connection.id] = connection } }
  func remove(_ connection: ConnectionHandle) {
    connections.withLock { _ = $0.removeValue(forKey: connection.id) }
  }
  var all: [ConnectionHandle] { connections.withLock { Array($0.values) } }
}
