import Logging
import NIOCore
import NIOPosix
import Policy
import ProxyProtocol
import Routing
import SSHProtocol
import Synchronization

/// The door for publishers: listens, and gives every connection a handler of its own.
package final class SSHServer: Sendable {
  private static let backlog: Int32 = 1024

  private let state: ServerState
  private let group: any EventLoopGroup
  private let listeners = Mutex<[any Channel]>([])
  private let summaries = Mutex<RepeatedTask?>(nil)
  private let reviews = PendingReviews()

  package init(
    configuration: SSHServerConfiguration, authenticator: any Authenticator, routes: CurrentRoutes,
    registry: TunnelRegistry, openStreams: OpenStreams, group: any EventLoopGroup, clock: @escaping UnixClock,
    logger: Logger
  ) {
    state = ServerState(
      configuration: configuration, authenticator: authenticator, routes: routes, registry: registry,
      openStreams: openStreams, clock: clock, logger: logger)
    self.group = group
  }

  /// Listens on every address, or throws and listens on none.
  /// - Parameter inherited: sockets that listen already, taken instead of the configured addresses.
  package func start(inherited: [NIOBSDSocket.Handle] = []) async throws {
    state.cryptography.start()
    summaries.withLock { $0 = startSummaries() }
    do {
      for socket in inherited { noteListener(try await bootstrap().withBoundSocket(socket).get()) }
      for address in state.configuration.addresses where inherited.isEmpty { noteListener(try await bind(address)) }
    } catch {
      await stopListening()
      await state.cryptography.stop()
      throw error
    }
  }

  private func noteListener(_ listener: any Channel) {
    listeners.withLock { $0.append(listener) }
    state.logger.info(
      "starting SSH listener", metadata: ["address": "\(listener.localAddress?.endpointText ?? "unknown")"])
  }

  /// Where it listens; the ports chosen when 0 was asked for.
  package var localAddresses: [SocketAddress] { listeners.withLock { $0.compactMap(\.localAddress) } }

  /// How many clients are connected.
  package var connectionCount: Int { state.all.count }

  var live: [ConnectionHandle] { state.all }

  /// Takes effect for connections to come; what is live is decided again with `reconsider`.
  package func replace(configuration: SSHServerConfiguration) { state.replace(configuration: configuration) }

  /// Changes single settings of the configuration in force.
  package func update(_ change: (inout SSHServerConfiguration) -> Void) {
    var configuration = state.configuration
    change(&configuration)
    state.replace(configuration: configuration)
  }

  /// Every connection concerned decides its bindings again and ends if its session has.
  package func reconsider(_ scope: ReconsiderScope) {
    guard reviews.add(scope) else { return }
    // The table and the sessions are read where a connection decides, so that a pass that waits is as good as a new one.
    group.any().execute { [state, reviews] in
      let review = reviews.take()
      for connections in Dictionary(grouping: state.all, by: { ObjectIdentifier($0.eventLoop) }).values {
        connections.first?.eventLoop.execute { Self.look(at: connections[...], review) }
      }
    }
  }

  /// On the loop of all these connections. Where it takes long, others have their turn in between.
  private static func look(at connections: ArraySlice<ConnectionHandle>, _ review: Review) {
    let end = NIODeadline.now() + .milliseconds(2)
    var rest = connections
    while let connection = rest.popFirst() {
      connection.perform { handler in
        guard let publisher = handler.publisher,
          review.concerns(session: publisher.subject.sessionID, key: publisher.key.fingerprint)
        else { return }
        handler.reconsider()
      }
      if NIODeadline.now() >= end { break }
    }
    guard !rest.isEmpty else { return }
    // A task that is due at once would be run before anything is read or written.
    _ = connections.first?.eventLoop.scheduleTask(in: .milliseconds(1)) { [rest] in look(at: rest, review) }
  }

  /// Stops accepting, lets open streams finish, and tells every client why it is disconnected; over at the deadline.
  package func drain(deadline: NIODeadline) async {
    await stopListening()
    for connection in state.all { connection.perform { $0.drain() } }
    let closed = state.all.map { connection in
      let promise = connection.eventLoop.makePromise(of: Void.self)
      connection.perform({ $0.whenClosed(promise, deadline: deadline) }, whenGone: { promise.succeed() })
      return promise.futureResult
    }
    for future in closed { try? await future.get() }
    await state.cryptography.stop()
  }

  /// What the gate let in and turned away since the start.
  package var gateCounts: GateCounts { state.gate.counts }

  /// What was turned away meanwhile is told in sums.
  private func startSummaries() -> RepeatedTask {
    let interval = TimeAmount.seconds(RefusalJournal.interval)
    return group.next().scheduleRepeatedTask(initialDelay: interval, delay: interval) { [state] _ in
      for line in state.gate.summary() {
        state.logger.info(
          "ssh connections turned away",
          metadata: [
            "source-addr": "\(line.source ?? "others")", "reason": "\(line.reason.rawValue)", "count": "\(line.count)",
          ])
      }
    }
  }

  private func stopListening() async {
    summaries.withLock { summaries in
      summaries?.cancel()
      summaries = nil
    }
    let all = listeners.withLock { listeners in
      let all = listeners
      listeners = []
      return all
    }
    for listener in all { try? await listener.close() }
  }

  // MARK: Sockets

  private func bind(_ address: SSHServerConfiguration.Address) async throws -> any Channel {
    if let host = address.host { return try await bootstrap().bind(host: host, port: address.port).get() }
    do {
      // One socket for both families.
      return try await bootstrap().bind(host: "::", port: address.port).get()
    } catch let error as IOError where error.errnoCode == EAFNOSUPPORT || error.errnoCode == EADDRNOTAVAIL {
      return try await bootstrap().bind(host: "0.0.0.0", port: address.port).get()
    }
  }

  private func bootstrap() -> ServerBootstrap {
    let acceptor = ConnectionAcceptor(state: state)
    return ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: Self.backlog)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      // sshd leaves Nagle's algorithm on and pays with 40 ms a response.
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelOption(.socketOption(.so_keepalive), value: 1)
      .childChannelOption(.maxMessagesPerRead, value: 1)
      .childChannelOption(.recvAllocator, value: ReadBuffers())
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try acceptor.accept(channel)
        }
      }
  }
}
