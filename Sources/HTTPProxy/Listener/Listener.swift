import EdgeCrypto
import Logging
import NIOCore
import NIOPosix
import Policy
import ProxyProtocol
import Routing
import Synchronization

/// Binds the front door and equips each accepted connection.
struct Listener {
  private static let notSentLowWater = 256 * 1024
  /// The first message of most programs' TLS fits; browsers send more, and are read twice.
  private static let firstRead = 1024

  private let group: any EventLoopGroup
  private let shared: SharedState
  private let loops: [ObjectIdentifier: NIOLoopBound<LoopState>]

  init(group: any EventLoopGroup, shared: SharedState, loops: [NIOLoopBound<LoopState>]) {
    self.group = group
    self.shared = shared
    var byLoop: [ObjectIdentifier: NIOLoopBound<LoopState>] = [:]
    for loop in loops { byLoop[ObjectIdentifier(loop.eventLoop)] = loop }
    self.loops = byLoop
  }

  /// What is spoken on an address.
  enum Purpose {
    case visitors
    /// Plain HTTP that leads to HTTPS.
    case redirects
  }

  /// One listener, or without a host one for each family.
  func bind(_ address: HTTPProxyConfiguration.Address, _ purpose: Purpose) async throws -> [any Channel] {
    if let host = address.host {
      return [try await bootstrap(purpose).bind(host: host, port: address.port).get()]
    }
    let four = try await bootstrap(purpose).bind(host: "0.0.0.0", port: address.port).get()
    do {
      // A socket of its own for IPv6, so that IPv4 visitors keep their plain addresses.
      let six = try await bootstrap(purpose)
        .serverChannelOption(.socketOption(.ipv6_v6only), value: 1)
        .bind(host: "::", port: four.localAddress?.port ?? address.port).get()
      return [four, six]
    } catch {
      shared.logger.warning("listening on IPv4 only", metadata: ["error": "\(error)"])
      return [four]
    }
  }

  /// A socket that listens already.
  func adopt(_ socket: NIOBSDSocket.Handle, _ purpose: Purpose) async throws -> any Channel {
    try await bootstrap(purpose).withBoundSocket(socket).get()
  }

  /// The listener's socket is told what its connections shall do: Linux hands both TCP options on to them, which saves asking
  /// for them each time.
  private func bootstrap(_ purpose: Purpose) -> ServerBootstrap {
    let shared = self.shared
    let loops = self.loops
    return ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 1024)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .serverChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .serverChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          // linux/tcp.h: TCP_NOTSENT_LOWAT. What a slow visitor does not take stays where it is counted, out of the kernel.
          let option = ChannelOptions.Types.SocketOption(level: .tcp, name: NIOBSDSocket.Option(rawValue: 25))
          try? channel.syncOptions?.setOption(option, value: Self.notSentLowWater)
        }
      }
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          guard let loop = loops[ObjectIdentifier(channel.eventLoop)]?.value else {
            throw ChannelError.inappropriateOperationForState
          }
          // Those that are told so by the gate are above the limit; beyond them a connection could only wait for memory we do
          // not have.
          let mostAtOnce = loop.configuration.connections.total + ConnectionGate.toldBeyond
          guard shared.connectionCount.load(ordering: .relaxed) < mostAtOnce else {
            loop.tally.refused(.connections)
            throw ChannelError.inappropriateOperationForState
          }
          try Self.setOptions(of: channel)
          switch purpose {
          case .visitors: try Self.admit(channel, loop, shared)
          case .redirects: try Self.redirect(channel, loop, shared)
          }
        }
      }
  }

  /// Set here and not by the bootstrap, which makes futures of them.
  private static func setOptions(of channel: any Channel) throws {
    guard let options = channel.syncOptions else { throw ChannelError.inappropriateOperationForState }
    // What the read buffers ask for.
    try options.setOption(.maxMessagesPerRead, value: 1)
    try options.setOption(.recvAllocator, value: ReadBuffers(first: firstRead))
    try options.setOption(.allowRemoteHalfClosure, value: true)
  }

  /// Places are counted as at the other door: who filled this one would leave none there. There is nothing to be told here.
  private static func redirect(_ channel: any Channel, _ loop: LoopState, _ shared: SharedState) throws {
    switch shared.connectionGate.enter(VisitorAddress(channel.remoteAddress).text, loop.configuration.connections) {
    case .admitted(let place): channel.closeFuture.whenComplete { _ in place.leave() }
    case .turnedAway(let reason, let place):
      place.leave()
      loop.tally.refused(reason)
      throw ChannelError.inappropriateOperationForState
    case .closed(let reason):
      loop.tally.refused(reason)
      throw ChannelError.inappropriateOperationForState
    }
    shared.connectionCount.wrappingAdd(1, ordering: .relaxed)
    try channel.pipeline.syncOperations.addHandler(RedirectConnection(loop: loop))
  }

  /// A trusted proxy says first whom the connection is from (security rule 22).
  private static func admit(_ channel: any Channel, _ loop: LoopState, _ shared: SharedState) throws {
    let peer = VisitorAddress(channel.remoteAddress)
    let configuration = loop.configuration
    guard configuration.usesProxyProtocol, let ip = IPAddress(peer.text),
      configuration.trustedProxies.contains(where: { $0.contains(ip) })
    else { return try equip(channel, loop, peer) }
    shared.connectionCount.wrappingAdd(1, ordering: .relaxed)
    try channel.pipeline.syncOperations.addHandler(
      ProxyHeaderHandler { result, channel in
        // From here on the visitor's own handler counts.
        shared.connectionCount.wrappingSubtract(1, ordering: .relaxed)
        switch result {
        case .success(.announced(let source, _)): equipOrClose(channel, loop, VisitorAddress(source))
        case .success(.unspecified): equipOrClose(channel, loop, peer)
        case .failure(.closed): break
        case .failure(let error):
          shared.logger.debug(
            "connection of a trusted proxy without a PROXY header",
            metadata: ["source-addr": "\(peer.text)", "problem": "\(error)"])
        }
      })
  }

  private static func equipOrClose(_ channel: any Channel, _ loop: LoopState, _ address: VisitorAddress) {
    do {
      try equip(channel, loop, address)
    } catch {
      channel.close(promise: nil)
    }
  }

  private static func equip(_ channel: any Channel, _ loop: LoopState, _ address: VisitorAddress) throws {
    var refusal: VisitorRefusal?
    switch loop.shared.connectionGate.enter(address.text, loop.configuration.connections) {
    case .admitted(let place): channel.closeFuture.whenComplete { _ in place.leave() }
    case .turnedAway(let reason, let place):
      refusal = reason
      loop.tally.refused(reason)
      channel.closeFuture.whenComplete { _ in place.leave() }
    case .closed(let reason):
      loop.tally.refused(reason)
      throw ChannelError.inappropriateOperationForState
    }
    var handler: TLSHandler?
    if let context = loop.configuration.tls {
      let tls = try TLSHandler(context, tally: loop.tally, spares: loop.spares)
      try channel.pipeline.syncOperations.addHandler(tls)
      handler = tls
    }
    loop.shared.connectionCount.wrappingAdd(1, ordering: .relaxed)
    let connection = VisitorConnection(loop: loop, address: address, tls: handler, turnedAway: refusal)
    try channel.pipeline.syncOperations.addHandler(connection)
  }
}
