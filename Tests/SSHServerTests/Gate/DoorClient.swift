import NIOCore
import NIOPosix

/// Connects from an address of its own, says what it is told, and collects what the server says until the end.
final class DoorClient: Sendable {
  static let end = "\u{4}"

  let said = EventLog<String>()
  let channel: any Channel

  init(_ port: Int, from address: String = "127.0.0.1", saying text: String = "") async throws {
    let said = said
    channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .bind(to: try SocketAddress(ipAddress: address, port: 0))
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Collector(said)) }
      }
      .connect(host: "127.0.0.1", port: port).get()
    if !text.isEmpty { try? await channel.writeAndFlush(ByteBuffer(string: text)) }
  }

  /// Everything that was said before the connection ended.
  func untilEnd(within seconds: Double = 20) async throws -> String {
    try await said.first(within: seconds) { $0 == Self.end }
    return said.values.dropLast().joined()
  }

  func close() async { try? await channel.close() }

  private final class Collector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let said: EventLog<String>
    init(_ said: EventLog<String>) { self.said = said }
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      said.append(String(buffer: unwrapInboundIn(data)))
    }
    func channelInactive(context: ChannelHandlerContext) { said.append(DoorClient.end) }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
  }
}
