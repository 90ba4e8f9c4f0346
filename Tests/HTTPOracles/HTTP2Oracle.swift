import HTTPWire
import NIOCore
import NIOEmbedded
import NIOHPACK
import NIOHTTP2

/// swift-nio-http2 as the judge of our HTTP/2 machine: both are put into the same state, and given the same next frame.
package struct HTTP2Oracle {
  package enum Verdict: Equatable, Sendable, CustomStringConvertible {
    case accepted
    /// RST_STREAM with this code.
    case stream(UInt32)
    /// GOAWAY with this code.
    case connection(UInt32)

    package var description: String {
      switch self {
      case .accepted: "accepts it"
      case .stream(let code): "resets the stream (\(code))"
      case .connection(let code): "ends the connection (\(code))"
      }
    }
  }

  /// One frame as it is written.
  package struct Frame: Sendable, CustomStringConvertible {
    package var type: UInt8
    package var flags: UInt8
    package var stream: UInt32
    package var payload: [UInt8]

    package init(_ type: UInt8, _ flags: UInt8, _ stream: UInt32, _ payload: [UInt8]) {
      (self.type, self.flags, self.stream, self.payload) = (type, flags, stream, payload)
    }

    package var bytes: [UInt8] {
      var buffer = ByteBuffer()
      buffer.writeInteger(UInt32(truncatingIfNeeded: payload.count) << 8 | UInt32(type))
      buffer.writeInteger(flags)
      buffer.writeInteger(stream)
      return Array(buffer.readableBytesView) + payload
    }

    package var description: String { "type \(type) flags \(flags) stream \(stream) payload \(payload)" }
  }

  private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + Frame(4, 0, 0, []).bytes

  private var connection = HTTP2Connection(role: .server) { "dGhlIHNhbXBsZSBub25jZQ==" }
  private let channel: EmbeddedChannel
  private var hasFailed = false

  package init() throws {
    var configuration = NIOHTTP2Handler.ConnectionConfiguration()
    let limits = HTTP2Limits()
    configuration.initialSettings = [
      HTTP2Setting(parameter: .maxConcurrentStreams, value: limits.concurrentStreams),
      HTTP2Setting(parameter: .initialWindowSize, value: limits.streamWindow),
      HTTP2Setting(parameter: .maxHeaderListSize, value: limits.fieldListBytes),
    ]
    channel = EmbeddedChannel(
      handler: NIOHTTP2Handler(mode: .server, connectionConfiguration: configuration))
    channel.pipeline.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 80), promise: nil)
    let wider = HTTP2Frame(
      streamID: .rootStream, payload: .windowUpdate(windowSizeIncrement: limits.connectionWindow - 65_535))
    try channel.writeOutbound(wider)
    let begun = judge(Self.preface)
    guard begun.ours == .accepted, begun.theirs == .accepted else { throw Failure.preface("\(begun)") }
  }

  package enum Failure: Error {
    case preface(String)
  }

  package func finish() { _ = try? channel.finish(acceptAlreadyClosed: true) }

  package mutating func judge(_ frame: Frame) -> (ours: Verdict, theirs: Verdict) { judge(frame.bytes) }

  private mutating func judge(_ bytes: [UInt8]) -> (ours: Verdict, theirs: Verdict) { (ours(bytes), theirs(bytes)) }

  private mutating func ours(_ bytes: [UInt8]) -> Verdict {
    do throws(HTTP2Error) {
      try connection.receive(ByteBuffer(bytes: bytes), at: 0)
    } catch {
      return .connection(error.code.rawValue)
    }
    while let event = connection.nextEvent() {
      // What a head can say wrong is answered with a status of its own.
      if case .refused = event { return .stream(0) }
    }
    var out: [UInt8] = []
    while let piece = connection.takeOutbound() { out += Array(piece.readableBytesView) }
    return Self.verdict(out)
  }

  private func theirs(_ bytes: [UInt8]) -> Verdict {
    var failed = false
    do { try channel.writeInbound(ByteBuffer(bytes: bytes)) } catch { failed = true }
    while (try? channel.readInbound(as: HTTP2Frame.self)) != nil {}
    var out: [UInt8] = []
    while let piece = try? channel.readOutbound(as: ByteBuffer.self) { out += Array(piece.readableBytesView) }
    let verdict = Self.verdict(out)
    return verdict == .accepted && failed ? .connection(.max) : verdict
  }

  /// By the first GOAWAY, or else RST_STREAM, among these frames.
  private static func verdict(_ bytes: [UInt8]) -> Verdict {
    var verdict = Verdict.accepted
    var rest = ByteBuffer(bytes: bytes)
    while let lengthAndType = rest.readInteger(as: UInt32.self), rest.readInteger(as: UInt8.self) != nil,
      rest.readInteger(as: UInt32.self) != nil, var payload = rest.readSlice(length: Int(lengthAndType >> 8))
    {
      switch lengthAndType & 0xFF {
      case 3: verdict = .stream(payload.readInteger(as: UInt32.self) ?? .max)
      case 7:
        payload.moveReaderIndex(forwardBy: 4)
        return .connection(payload.readInteger(as: UInt32.self) ?? .max)
      default: break
      }
    }
    return verdict
  }
}

extension HTTP2Oracle {
  package static let get = section([
    (":method", "GET"), (":scheme", "https"), (":authority", "app.test"), (":path", "/"),
  ])
  package static let post = section([
    (":method", "POST"), (":scheme", "https"), (":authority", "app.test"), (":path", "/"),
  ])

  /// A field section without references to earlier ones.
  package static func section(_ fields: [(String, String)]) -> [UInt8] {
    var encoder = HPACKEncoder(allocator: ByteBufferAllocator())
    var buffer = ByteBuffer()
    var headers = HPACKHeaders()
    for (name, value) in fields { headers.add(name: name, value: value, indexing: .nonIndexable) }
    try? encoder.encode(headers: headers, to: &buffer)
    return Array(buffer.readableBytesView)
  }
}
