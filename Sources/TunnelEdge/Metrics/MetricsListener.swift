import EdgeConfig
import Glibc
import Logging
import NIOCore
import NIOPosix
import Synchronization

/// The listener of `metrics_address`: opened with the edge, moved by a reload, closed last, so that whoever watches sees the
/// edge drain.
actor MetricsListener {
  static let mostConnections = 64

  private let group: any EventLoopGroup
  private let isReady: @Sendable () -> Bool
  private let note: @Sendable () -> String
  private let metrics: @Sendable () async -> String
  private let logger: Logger
  private var channels: [any Channel] = []
  private var current: MetricsConfiguration?
  private var wanted: MetricsConfiguration?
  private var isMoving = false
  private var isStopped = false

  init(
    group: any EventLoopGroup, logger: Logger, isReady: @escaping @Sendable () -> Bool,
    note: @escaping @Sendable () -> String = { "" },
    metrics: @escaping @Sendable () async -> String
  ) {
    self.group = group
    self.logger = logger
    self.isReady = isReady
    self.note = note
    self.metrics = metrics
  }

  /// Ports that were chosen where 0 was asked for, too.
  var addresses: [SocketAddress] { channels.compactMap(\.localAddress) }

  /// - Parameter inherited: sockets that listen already, taken instead of the address until a reload changes it.
  func start(_ configuration: MetricsConfiguration?, inherited: [NIOBSDSocket.Handle] = []) async throws {
    wanted = configuration
    guard let configuration else { return }
    try await open(configuration, inherited: inherited)
  }

  /// Follows a changed configuration. Where the new address cannot be had, the old one is served on.
  func follow(_ configuration: MetricsConfiguration?) async {
    guard !isStopped else { return }
    wanted = configuration
    // Whoever is at it sees the latest wish when done.
    guard !isMoving else { return }
    isMoving = true
    defer { isMoving = false }
    while wanted != current {
      let (old, next) = (current, wanted)
      await closeListeners()
      guard let new = next else { continue }
      do {
        try await open(new)
      } catch {
        logger.error(
          "metrics_address not applied", metadata: ["address": "\(new.address)", "problem": "\(error)"])
        if wanted == new { wanted = isStopped ? nil : old }
        guard let old, !isStopped else { continue }
        do {
          try await open(old)
        } catch {
          logger.error("metrics are not served", metadata: ["address": "\(old.address)", "problem": "\(error)"])
          if wanted == old { wanted = nil }
        }
      }
    }
  }

  func stop() async {
    isStopped = true
    wanted = nil
    await closeListeners()
  }

  private func open(_ configuration: MetricsConfiguration, inherited: [NIOBSDSocket.Handle] = []) async throws {
    let service = MetricsService(
      credentials: configuration.credentials?.reveal(), isReady: isReady, note: note, metrics: metrics)
    let connections = ConnectionCount()
    var opened: [any Channel] = []
    do {
      for socket in inherited {
        opened.append(try await bootstrap(service, connections).withBoundSocket(socket).get())
      }
      for (host, port) in configuration.address.expanded where inherited.isEmpty {
        opened.append(try await bind(host, port, service, connections))
      }
    } catch {
      for channel in opened { try? await channel.close() }
      throw error
    }
    channels = opened
    current = configuration
    logger.info("starting metrics listener", metadata: ["address": "\(configuration.address)"])
  }

  /// Without a host one socket for both families, or for IPv4 where there is no other.
  private func bind(
    _ host: String?, _ port: Int, _ service: MetricsService, _ connections: ConnectionCount
  ) async throws -> any Channel {
    if let host { return try await bootstrap(service, connections).bind(host: host, port: port).get() }
    do {
      return try await bootstrap(service, connections).bind(host: "::", port: port).get()
    } catch let error as IOError where error.errnoCode == EAFNOSUPPORT || error.errnoCode == EADDRNOTAVAIL {
      return try await bootstrap(service, connections).bind(host: "0.0.0.0", port: port).get()
    }
  }

  private func bootstrap(_ service: MetricsService, _ connections: ConnectionCount) -> ServerBootstrap {
    ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 64)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelOption(.maxMessagesPerRead, value: 1)
      .childChannelOption(.allowRemoteHalfClosure, value: true)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          guard connections.enter(limit: Self.mostConnections) else { throw ChannelError.ioOnClosedChannel }
          channel.closeFuture.whenComplete { _ in connections.leave() }
          try channel.pipeline.syncOperations.addHandler(MetricsConnection(service: service))
        }
      }
  }

  private func closeListeners() async {
    let old = channels
    channels = []
    current = nil
    for channel in old { try? await channel.close() }
  }
}

/// How many are there, over all loops.
private final class ConnectionCount: Sendable {
  private let count = Atomic<Int>(0)

  func enter(limit: Int) -> Bool {
    guard count.wrappingAdd(1, ordering: .relaxed).newValue <= limit else {
      leave()
      return false
    }
    return true
  }

  func leave() { count.wrappingSubtract(1, ordering: .relaxed) }
}
