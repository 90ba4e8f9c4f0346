import NIOCore

/// Reads one message body by its framing.
struct BodyReader: Sendable {
  enum Event: Sendable {
    case bytes(ByteBuffer)
    case trailers(HeaderList)
    case end
  }

  private enum State {
    case length(UInt64)
    case chunked(ChunkedReader)
    case untilClose
  }

  private var state: State

  init(_ framing: BodyFraming) {
    switch framing {
    case .none: state = .length(0)
    case .length(let length): state = .length(length)
    case .chunked: state = .chunked(ChunkedReader())
    case .untilClose: state = .untilClose
    }
  }

  /// Whether the end of the connection is the end of this body.
  var endsWithConnection: Bool {
    if case .untilClose = state { return true }
    return false
  }

  mutating func next(from buffer: inout ByteBuffer, limits: HeadLimits) throws(WireError) -> Event? {
    switch state {
    case .length(0):
      return .end
    case .length(let remaining):
      guard buffer.readableBytes > 0 else { return nil }
      let count = Int(min(remaining, UInt64(buffer.readableBytes)))
      guard let bytes = buffer.readSlice(length: count) else { return nil }
      state = .length(remaining - UInt64(count))
      return .bytes(bytes)
    case .untilClose:
      guard buffer.readableBytes > 0, let bytes = buffer.readSlice(length: buffer.readableBytes) else { return nil }
      return .bytes(bytes)
    case .chunked(var reader):
      let event = try reader.next(from: &buffer, limits: limits)
      state = .chunked(reader)
      return event
    }
  }
}
