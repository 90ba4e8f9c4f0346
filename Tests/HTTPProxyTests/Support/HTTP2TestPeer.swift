import HTTPWire
import NIOCore
import NIOPosix
import Synchronization

@testable import HTTPProxy

/// An HTTP/2 connection whose owner is a test: what comes goes to a closure, which answers on the spot or later.
final class HTTP2TestPeer: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer
  typealias Handler = @Sendable (HTTP2Event, HTTP2TestPeer) -> Void

  let number: Int
  private let onEvent: Handler
  private var connection: HTTP2Connection
  private var context: ChannelHandlerContext?
  /// Paths of the requests under way.
  private(set) var paths: [UInt32: String] = [:]
  /// Body bytes of each stream.
  private(set) var bodies: [UInt32: Int] = [:]
  var isReadingBodies = true
  /// Answers nothing any more, not even PING.
  var isDeaf = false

  init(_ role: HTTP2Role, number: Int = 1, limits: HTTP2Limits = HTTP2Limits(), onEvent: @escaping Handler) {
    self.number = number
    self.onEvent = onEvent
    connection = HTTP2Connection(role: role, limits: limits) { "dGhlIHNhbXBsZSBub25jZQ==" }
  }

  func channelActive(context: ChannelHandlerContext) {
    self.context = context
    write()
  }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    if context.channel.isActive { write() }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isDeaf else { return }
    try? connection.receive(unwrapInboundIn(data), at: NIODeadline.now().uptimeNanoseconds)
    while let event = connection.nextEvent() {
      switch event {
      case .request(let id, let head, _): paths[id] = head.target
      case .body(let id, let bytes):
        bodies[id, default: 0] += bytes.readableBytes
        if isReadingBodies { connection.consumed(bytes.readableBytes, of: id) }
      default: break
      }
      onEvent(event, self)
    }
    write()
  }

  func channelInactive(context: ChannelHandlerContext) { self.context = nil }
  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  private func write() {
    guard !isDeaf else { return }
    while let bytes = connection.takeOutbound() { context?.writeAndFlush(wrapOutboundOut(bytes), promise: nil) }
  }

  // MARK: Commands, on the connection's loop

  func reply(
    _ id: UInt32, _ body: String = "hello", status: Int = 200, _ fields: [(String, String)] = [],
    trailers: HeaderList? = nil
  ) {
    begin(id, status: status, fields)
    connection.sendBody(id, ByteBuffer(string: body))
    connection.sendEnd(id, trailers: trailers)
    write()
  }

  func begin(_ id: UInt32, status: Int = 200, _ fields: [(String, String)] = [], endsStream: Bool = false) {
    connection.sendHead(
      id, ResponseHead(status: status, headers: HeaderList(fields), framing: .chunked), endsStream: endsStream)
    write()
  }

  func send(_ id: UInt32, _ bytes: ByteBuffer, ends: Bool = false, trailers: HeaderList? = nil) {
    connection.sendBody(id, bytes)
    if ends { connection.sendEnd(id, trailers: trailers) }
    write()
  }

  func reset(_ id: UInt32, _ code: HTTP2ErrorCode) {
    connection.reset(id, code)
    write()
  }

  /// Takes what it left unread, and what still comes.
  func readOn(_ id: UInt32) {
    isReadingBodies = true
    connection.consumed(bodies[id] ?? 0, of: id)
    write()
  }

  func becomeTunnel(_ id: UInt32) { connection.becomeTunnel(id) }

  func request(_ head: RequestHead, endsStream: Bool) -> UInt32? {
    let id = connection.sendRequest(head, scheme: "https", endsStream: endsStream)
    write()
    return id
  }

  /// Frames as they are, whatever the rules.
  func send(raw bytes: [UInt8]) { context?.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil) }
  func close() { context?.close(promise: nil) }

  static func goAway(after last: UInt32) -> [UInt8] {
    [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, UInt8(truncatingIfNeeded: last), 0, 0, 0, 0]
  }
}

/// A local service that speaks HTTP/2 without TLS.
final class HTTP2TestService: Sendable {
  private let listener = Mutex<(any Channel)?>(nil)
  private let accepted = Mutex(0)
  /// What was seen, in words: `1 POST /up`, `1 reset cancel` and so on, each with the number of its connection before.
  let told = Mutex<[String]>([])

  init(limits: HTTP2Limits = HTTP2Limits(), _ onEvent: @escaping HTTP2TestPeer.Handler) async throws {
    let channel = try await ServerBootstrap(group: TestEdge.group)
      .serverChannelOption(.backlog, value: 256)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let number = self.accepted.withLock {
            $0 += 1
            return $0
          }
          try channel.pipeline.syncOperations.addHandler(
            HTTP2TestPeer(.server, number: number, limits: limits) { event, peer in
              self.note(event, peer)
              onEvent(event, peer)
            })
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    listener.withLock { $0 = channel }
  }

  private func note(_ event: HTTP2Event, _ peer: HTTP2TestPeer) {
    let text: String? =
      switch event {
      case .request(let id, let head, _): "\(id) \(head.method.text) \(head.target)"
      case .trailers(let id, let list): "\(id) \(list)"
      case .end(let id): "\(id) end"
      case .reset(let id, let code, _): "\(id) reset \(code)"
      default: nil
      }
    if let text { told.withLock { $0.append("\(peer.number): \(text)") } }
  }

  var port: Int { listener.withLock { $0?.localAddress?.port ?? 0 } }
  var connections: Int { accepted.withLock { $0 } }
  func has(_ text: String) -> Bool { told.withLock { $0.contains(text) } }
  func count(_ text: String) -> Int { told.withLock { $0.filter { $0.hasSuffix(text) }.count } }
}
