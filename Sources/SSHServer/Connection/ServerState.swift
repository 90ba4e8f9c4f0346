import Logging
import Policy
import Routing
import Synchronization

/// What all connections of a server share.
final class ServerState: Sendable {
  let authenticator: any Authenticator
  let routes: CurrentRoutes
  let registry: TunnelRegistry
  let openStreams: OpenStreams
  let clock: UnixClock
  let logger: Logger
  let gate: StartupGate
  /// Computed or waiting to be; the pool's threads are few, and more would only queue.
  let expensiveExchanges = WorkBudget(most: 256)

  private let current: Mutex<SSHServerConfiguration>
  private let connections = Mutex<[String: ConnectionHandle]>([:])

  init(
    configuration: SSHServerConfiguration, authenticator: any Authenticator, routes: CurrentRoutes,
    registry: TunnelRegistry, openStreams: OpenStreams, clock: @escaping UnixClock, logger: Logger
  ) {
    current = Mutex(configuration)
    self.authenticator = authenticator
    self.routes = routes
    self.registry = registry
    self.openStreams = openStreams
    self.clock = clock
    self.logger = logger
    gate = StartupGate(configuration.maxStartups, random: configuration.random)
  }

  var configuration: SSHServerConfiguration { current.withLock { $0 } }

  func replace(configuration: SSHServerConfiguration) {
    current.withLock { $0 = configuration }
    gate.configure(configuration.maxStartups)
  }

  func add(_ connection: ConnectionHandle) { connections.withLock { $0[connection.id] = connection } }
  func remove(_ connection: ConnectionHandle) {
    connections.withLock { _ = $0.removeValue(forKey: connection.id) }
  }
  var all: [ConnectionHandle] { connections.withLock { Array($0.values) } }
}
