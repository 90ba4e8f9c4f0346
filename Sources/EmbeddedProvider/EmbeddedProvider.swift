import EdgeCrypto
import Logging
import NIOCore
import NIOPosix
import Synchronization

/// The identity provider of `tunnel-edge demo`: OpenID Connect over plain HTTP on loopback, driven by the same file that
/// drives the real Dex in `docker-compose.yml`. Whatever the file says about addresses, only loopback is ever bound
/// (security rule 35); no configuration key of the edge starts it.
package final class EmbeddedProvider: Sendable {
  /// What the demo changes in the file.
  package struct Overrides: Sendable {
    /// The port of the issuer; 0 takes a free one.
    package var port: Int?
    /// Where every client of the file may be redirected to, instead of what the file lists.
    package var redirectURIs: [String]?

    package init(port: Int? = nil, redirectURIs: [String]? = nil) {
      self.port = port
      self.redirectURIs = redirectURIs
    }
  }

  /// A user who may sign in, for printing.
  package struct User: Sendable, Hashable {
    package var email: String
    package var name: String
  }

  /// The users of the file, in its order.
  package let users: [User]
  /// The clients of the file: what to write into `idp_client_id` and `idp_client_secret`.
  package let clients: [(id: String, secret: String)]

  private let service: ProviderService
  private let group: any EventLoopGroup
  private let logger: Logger
  private let state = Mutex<State>(.init())

  private struct State {
    var listeners: [any Channel] = []
  }

  /// Reads the file and the keys of the state directory (made when absent). Opens no socket.
  package init(
    configurationFile: String, overrides: Overrides = .init(), stateDirectory: String, group: any EventLoopGroup,
    logger: Logger, clock: @escaping ProviderClock = systemProviderClock,
    random: @escaping RandomSource = SecureRandom.source
  ) throws(ProviderError) {
    var configuration = try ProviderConfiguration(file: configurationFile)
    if let redirectURIs = overrides.redirectURIs {
      for index in configuration.clients.indices { configuration.clients[index].redirectURIs = redirectURIs }
    }
    if let port = overrides.port { configuration.issuer.port = port }
    users = configuration.users.map { User(email: $0.email, name: $0.username) }
    clients = configuration.clients.map { ($0.id, $0.secret) }
    service = try ProviderService(
      configuration: configuration, directory: try KeyDirectory(path: stateDirectory), clock: clock, random: random,
      logger: logger)
    self.group = group
    self.logger = logger
  }

  /// The issuer's URL; with port 0 it is right from `start()` on.
  package var issuer: String { service.issuer.text }

  /// Listens on the loopback addresses of the issuer's host.
  package func start() async throws {
    let listeners = try await LoopbackListener(group: group, service: service, logger: logger).open()
    state.withLock { $0.listeners = listeners }
    logger.info("identity provider is listening", metadata: ["issuer": "\(issuer)"])
  }

  /// Stops listening; what is being answered is finished.
  package func stop() async {
    let listeners = state.withLock { state in
      defer { state.listeners = [] }
      return state.listeners
    }
    for listener in listeners { try? await listener.close() }
  }
}
