import NIOCore
import NIOPosix
import Synchronization

/// A local service whose answers a test writes by hand.
final class TestService: Sendable {
  /// One connection to it.
  final class Connection: Sendable {
    let channel: any Channel
    let number: Int
    init(channel: any Channel, number: Int) {
      self.channel = channel
      self.number = number
    }
    func send(_ text: String) { channel.writeAndFlush(ByteBuffer(string: text), promise: nil) }
    func send(_ bytes: ByteBuffer) -> EventLoopFuture<Void> { channel.writeAndFlush(bytes) }
    func close() { channel.close(promise: nil) }
    func reply(_ body: String, _ fields: String = "") {
      send("HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\(fields)\r\n\(body)")
    }
  }

  typealias Handler = @Sendable (_ request: String, _ connection: Connection) -> Void
  typealias DataHandler = @Sendable (_ bytes: ByteBuffer, _ connection: Connection) -> Void

  private final class Reader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    let service: TestService
    let connection: Connection
    var text = ""
    init(service: TestService, connection: Connection) {
      self.service = service
      self.connection = connection
    }
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      let bytes = unwrapInboundIn(data)
      if let onData = service.onData {
        onData(bytes, connection)
        return
      }
      text += String(buffer: bytes)
      while let end = text.place(of: "\r\n\r\n") {
        let head = String(text[..<end.upperBound])
        text.removeSubrange(..<end.upperBound)
        service.heads.withLock { $0.append(head) }
        service.onRequest(head, connection)
      }
    }
    func channelInactive(context: ChannelHandlerContext) { service.closed.withLock { $0 += 1 } }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
  }

  let onRequest: Handler
  let onData: DataHandler?
  let heads = Mutex<[String]>([])
  let accepted = Mutex(0)
  let closed = Mutex(0)
  private let listener = Mutex<(any Channel)?>(nil)

  init(_ onRequest: @escaping Handler = { _, connection in connection.reply("hello") }, onData: DataHandler? = nil)
    async throws
  {
    self.onRequest = onRequest
    self.onData = onData
    let channel = try await ServerBootstrap(group: TestEdge.group)
      .serverChannelOption(.backlog, value: 256)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let number = self.accepted.withLock {
            $0 += 1
            return $0
          }
          try channel.pipeline.syncOperations.addHandler(
            Reader(service: self, connection: Connection(channel: channel, number: number)))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    listener.withLock { $0 = channel }
  }

  var port: Int { listener.withLock { $0?.localAddress?.port ?? 0 } }
  var lastHead: String { heads.withLock { $0.last ?? "" } }
  var connections: Int { accepted.withLock { $0 } }
  func stop() async { try? await listener.withLock({ $0 })?.close() }
}

extension String {
  /// The field lines of a head, in lower case.
  var fieldLinesAsSent: [String] { split(separator: "\r\n").dropFirst().map { String($0) } }
  var fieldLines: [String] { split(separator: "\r\n").dropFirst().map { $0.lowercased() } }

  func place(of text: String) -> Range<String.Index>? {
    let needle = Array(text.utf8)
    let bytes = Array(utf8)
    guard needle.count <= bytes.count else { return nil }
    for start in 0...(bytes.count - needle.count) where bytes[start..<start + needle.count].elementsEqual(needle) {
      let from = utf8.index(utf8.startIndex, offsetBy: start)
      return from..<utf8.index(from, offsetBy: needle.count)
    }
    return nil
  }

  func pieces(between text: String) -> [String] {
    var parts: [String] = []
    var rest = self
    while let found = rest.place(of: text) {
      parts.append(String(rest[..<found.lowerBound]))
      rest = String(rest[found.upperBound...])
    }
    return parts + [rest]
  }
}
