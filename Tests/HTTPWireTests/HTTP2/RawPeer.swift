import NIOCore
import NIOHPACK
import Testing

@testable import HTTPWire

/// The other end of an `HTTP2Connection`, frame by frame, with swift-nio-http2's compression.
struct RawPeer {
  struct Frame: Equatable {
    var type: UInt8
    var flags: UInt8
    var stream: UInt32
    var payload: [UInt8]
  }

  static let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
  static let get: [(String, String)] = [
    (":method", "GET"), (":scheme", "https"), (":authority", "app.test"), (":path", "/"),
  ]
  static let post: [(String, String)] = [
    (":method", "POST"), (":scheme", "https"), (":authority", "app.test"), (":path", "/up"),
  ]

  var connection: HTTP2Connection
  var now: UInt64 = 0
  private var encoder = HPACKEncoder(allocator: ByteBufferAllocator())
  private var decoder = HPACKDecoder(allocator: ByteBufferAllocator())
  private var unread = ByteBuffer()

  /// `begins`: preface and settings are exchanged.
  init(limits: HTTP2Limits = HTTP2Limits(), begins: Bool = true) throws {
    connection = HTTP2Connection(role: .server, limits: limits) { "dGhlIHNhbXBsZSBub25jZQ==" }
    guard begins else { return }
    try send(text: Self.preface)
    try send(4, stream: 0)
    _ = events()
    _ = frames()
  }

  /// A service's view: the connection is the client, its preface has been read, and these settings were sent to it.
  init(clientOf limits: HTTP2Limits, settings: [(UInt16, UInt32)] = []) throws {
    connection = HTTP2Connection(role: .client, limits: limits) { "" }
    while var bytes = connection.takeOutbound() { unread.writeBuffer(&bytes) }
    #expect(unread.readString(length: Self.preface.utf8.count) == Self.preface)
    _ = frames()
    try send(settings: settings)
    _ = events()
    _ = frames()
  }

  /// Before the service has said anything.
  static func client() -> RawPeer {
    RawPeer(HTTP2Connection(role: .client, limits: .service) { "" })
  }

  private init(_ connection: HTTP2Connection) { self.connection = connection }

  mutating func send(settings: [(UInt16, UInt32)]) throws(HTTP2Error) {
    var payload = ByteBuffer()
    for (id, value) in settings {
      payload.writeInteger(id)
      payload.writeInteger(value)
    }
    try send(4, stream: 0, Array(payload.readableBytesView))
  }

  mutating func send(text: String) throws(HTTP2Error) {
    try connection.receive(ByteBuffer(string: text), at: now)
  }

  mutating func send(_ type: UInt8, _ flags: UInt8 = 0, stream: UInt32, _ payload: [UInt8] = []) throws(HTTP2Error) {
    try connection.receive(ByteBuffer(bytes: Self.bytes(type, flags, stream: stream, payload)), at: now)
  }

  static func bytes(_ type: UInt8, _ flags: UInt8 = 0, stream: UInt32, _ payload: [UInt8] = []) -> [UInt8] {
    var buffer = ByteBuffer()
    buffer.writeInteger(UInt32(payload.count) << 8 | UInt32(type))
    buffer.writeInteger(flags)
    buffer.writeInteger(stream)
    return Array(buffer.readableBytesView) + payload
  }

  mutating func block(_ fields: [(String, String)]) -> [UInt8] {
    var buffer = ByteBuffer()
    do { try encoder.encode(headers: HPACKHeaders(fields), to: &buffer) } catch { Issue.record(error) }
    return Array(buffer.readableBytesView)
  }

  mutating func headers(
    _ stream: UInt32, _ fields: [(String, String)], ends: Bool = true, flags: UInt8 = 0
  ) throws(HTTP2Error) {
    try send(1, 4 | (ends ? 1 : 0) | flags, stream: stream, block(fields))
  }

  mutating func data(_ stream: UInt32, _ count: Int, ends: Bool = false) throws(HTTP2Error) {
    try send(0, ends ? 1 : 0, stream: stream, [UInt8](repeating: 0x61, count: count))
  }

  mutating func events() -> [HTTP2Event] {
    var all: [HTTP2Event] = []
    while let event = connection.nextEvent() { all.append(event) }
    return all
  }

  /// What the connection has to send now, taken apart.
  mutating func frames() -> [Frame] {
    while var bytes = connection.takeOutbound() { unread.writeBuffer(&bytes) }
    var all: [Frame] = []
    while let head = unread.getInteger(at: unread.readerIndex, as: UInt32.self),
      let flags = unread.getInteger(at: unread.readerIndex + 4, as: UInt8.self),
      let stream = unread.getInteger(at: unread.readerIndex + 5, as: UInt32.self),
      let payload = unread.getBytes(at: unread.readerIndex + 9, length: Int(head >> 8))
    {
      unread.moveReaderIndex(forwardBy: 9 + payload.count)
      all.append(Frame(type: UInt8(truncatingIfNeeded: head), flags: flags, stream: stream, payload: payload))
    }
    return all
  }

  mutating func fields(_ frame: Frame) throws -> [String] {
    var buffer = ByteBuffer(bytes: frame.payload)
    return try decoder.decodeHeaders(from: &buffer).map { "\($0.name): \($0.value)" }
  }
}

extension [RawPeer.Frame] {
  func of(_ type: UInt8) -> [RawPeer.Frame] { filter { $0.type == type } }

  /// The code of the only RST_STREAM of this stream.
  func resetCode(_ stream: UInt32) -> UInt32? {
    let resets = of(3).filter { $0.stream == stream }
    guard resets.count == 1, let frame = resets.first else { return nil }
    return frame.payload.reduce(0) { $0 << 8 | UInt32($1) }
  }

  var goAwayCode: UInt32? {
    of(7).last.map { $0.payload[4..<8].reduce(0) { $0 << 8 | UInt32($1) } }
  }
}
