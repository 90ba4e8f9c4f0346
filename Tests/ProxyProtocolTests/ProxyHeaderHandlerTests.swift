import NIOCore
import NIOEmbedded
import Synchronization
import Testing

@testable import ProxyProtocol

/// The handler before a server's own: what it hands on, and when it gives up.
struct ProxyHeaderHandlerTests {
  /// Collects what reaches the server.
  private final class Server: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    var text = ""
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      text += String(buffer: unwrapInboundIn(data))
    }
  }

  private final class Outcome {
    var results: [Result<ProxyHeader, ProxyProtocolError>] = []
    let server = Server()
  }

  private func connection() throws -> (EmbeddedChannel, Outcome) {
    let outcome = Outcome()
    let channel = EmbeddedChannel()
    try channel.pipeline.syncOperations.addHandler(
      ProxyHeaderHandler { result, channel in
        outcome.results.append(result)
        if case .success = result { try? channel.pipeline.syncOperations.addHandler(outcome.server) }
      })
    try channel.connect(to: SocketAddress(ipAddress: "192.0.2.1", port: 22)).wait()
    return (channel, outcome)
  }

  @Test func theServerSeesNothingOfTheHeaderAndEverythingBehindIt() throws {
    let (channel, outcome) = try connection()
    for piece in ["PRO", "XY UNKNOWN", "\r", "\nSSH-2.0-", "x\r\n"] {
      try channel.writeInbound(ByteBuffer(string: piece))
    }
    #expect(outcome.results == [.success(.unspecified)])
    #expect(outcome.server.text == "SSH-2.0-x\r\n")
    #expect(throws: ChannelPipelineError.self) {
      try channel.pipeline.syncOperations.handler(type: ProxyHeaderHandler.self)
    }
    // The clock that ran for the header does not end the connection.
    channel.embeddedEventLoop.advanceTime(by: .seconds(60))
    #expect(channel.isActive)
    #expect(outcome.results.count == 1)
    _ = try channel.finish()
  }

  @Test func anotherProtocolIsClosedAtOnce() throws {
    let (channel, outcome) = try connection()
    try channel.writeInbound(ByteBuffer(string: "SSH-2.0-x\r\n"))
    #expect(outcome.results == [.failure(.notAHeader)])
    #expect(!channel.isActive)
    #expect(outcome.server.text.isEmpty)
  }

  @Test func aProxyThatTakesTooLongIsClosed() throws {
    let (channel, outcome) = try connection()
    try channel.writeInbound(ByteBuffer(string: "PROXY TCP4 "))
    channel.embeddedEventLoop.advanceTime(by: .milliseconds(4999))
    #expect(channel.isActive)
    try channel.writeInbound(ByteBuffer(string: "1"))
    channel.embeddedEventLoop.advanceTime(by: .milliseconds(1))
    #expect(outcome.results == [.failure(.timedOut)])
    #expect(!channel.isActive)
  }

  @Test func whoHangsUpIsTold() throws {
    let (channel, outcome) = try connection()
    _ = try channel.finish()
    #expect(outcome.results == [.failure(.closed)])
  }
}
