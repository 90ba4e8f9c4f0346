import NIOCore
import NIOPosix

/// A local service that gives back what it is sent and honours half close.
struct EchoService {
  let channel: any Channel
  var port: Int { channel.localAddress?.port ?? 0 }

  init() async throws {
    channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.allowRemoteHalfClosure, value: true)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(EchoHandler()) }
      }
      .bind(host: "127.0.0.1", port: 0).get()
  }

  func stop() async { try? await channel.close() }
}

private final class EchoHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private var unwritten = 0
  private var isInputClosed = false

  /// Once its input is closed NIO closes a channel whole, with what waits to be written: not before that has left.
  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    unwritten += 1
    context.write(data).assumeIsolated().whenComplete { _ in
      self.unwritten -= 1
      if self.isInputClosed, self.unwritten == 0 { context.close(promise: nil) }
    }
  }
  func channelReadComplete(context: ChannelHandlerContext) { context.flush() }
  func channelWritabilityChanged(context: ChannelHandlerContext) {
    try? context.channel.syncOptions?.setOption(.autoRead, value: context.channel.isWritable)
  }
  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard case .inputClosed = event as? ChannelEvent else { return }
    isInputClosed = true
    if unwritten == 0 { context.close(promise: nil) }
  }
}
