import EdgeCrypto
import Logging
import NIOCore
import Policy
import ProxyProtocol

/// From an accepted socket to a connection: who it is from, whether it may come in, and then its handler. Nothing here looks
/// at a byte of the client.
struct ConnectionAcceptor: Sendable {
  let state: ServerState

  /// On the channel's event loop, before the channel is active.
  func accept(_ channel: any Channel) throws {
    SocketTuning.apply(to: channel)
    let peer = channel.remoteAddress
    let settings = state.configuration
    guard settings.usesProxyProtocol, let peer, settings.isTrustedProxy(peer) else {
      return try admit(ConnectionSource(peer), channel)
    }
    let acceptor = self
    try channel.pipeline.syncOperations.addHandler(
      ProxyHeaderHandler(deadline: .milliseconds(settings.proxyHeaderMilliseconds)) { result, channel in
        acceptor.learned(result, of: peer, channel)
      })
  }

  private func learned(
    _ result: Result<ProxyHeader, ProxyProtocolError>, of peer: SocketAddress, _ channel: any Channel
  ) {
    switch result {
    case .success(.announced(let source, _)):
      try? admit(ConnectionSource(source, proxy: ConnectionSource(peer).address), channel)
    case .success(.unspecified): try? admit(ConnectionSource(peer), channel)
    case .failure(.closed): break
    case .failure(let error):
      let source = ConnectionSource(peer)
      if state.gate.note(.proxyHeader, source.address) {
        state.logger.warning(
          "ssh connection of a trusted proxy without a PROXY header",
          metadata: ["source-addr": "\(source.address)", "problem": "\(error)"])
      }
      channel.writeAndFlush(Farewell.text(.proxyHeader), promise: nil)
    }
  }

  private func admit(_ source: ConnectionSource, _ channel: any Channel) throws {
    let settings = state.settings
    let handle = ConnectionHandle(
      id: Hex.encode(settings.server.random(6)), eventLoop: channel.eventLoop)
    switch state.gate.enter(source.address, handle) {
    case .admitted(let ticket):
      state.add(handle)
      try channel.pipeline.syncOperations.addHandler(
        ConnectionHandler(handle: handle, server: state, settings: settings, source: source, ticket: ticket))
    case .refused(let refusal, let isWorthTelling):
      if isWorthTelling {
        state.logger.info(
          "ssh connection turned away",
          metadata: ["source-addr": "\(source.address)", "reason": "\(refusal.rawValue)"])
      }
      try channel.pipeline.syncOperations.addHandler(Farewell(refusal))
    }
  }
}

/// One line of text, and the end: for clients that are turned away at the door.
private final class Farewell: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let refusal: GateRefusal

  init(_ refusal: GateRefusal) { self.refusal = refusal }

  static func text(_ refusal: GateRefusal) -> ByteBuffer { ByteBuffer(string: refusal.line + "\r\n") }

  func handlerAdded(context: ChannelHandlerContext) {
    if context.channel.isActive { leave(context) }
  }

  func channelActive(context: ChannelHandlerContext) { leave(context) }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

  private func leave(_ context: ChannelHandlerContext) {
    context.writeAndFlush(NIOAny(Self.text(refusal)), promise: nil)
    context.close(promise: nil)
  }
}

extension ConnectionSource {
  init(_ address: SocketAddress?, proxy: String? = nil) {
    self.init(address: address?.plainIPAddress ?? "", port: address?.port ?? 0, proxy: proxy)
  }
}

extension SSHServerConfiguration {
  /// Whose word about others counts (security rule 22).
  func isTrustedProxy(_ address: SocketAddress) -> Bool {
    guard let ip = address.ipAddress.flatMap({ IPAddress($0) }) else { return false }
    return trustedProxies.contains { $0.contains(ip) }
  }
}
