import NIOCore

/// Reads the requests of one connection, one after the other (RFC 9112). Bytes in, events out; nothing is guessed: what two
/// readers might take differently is refused.
///
///      .head ──▶ body ──▶ trailers? ──▶ end ─┐
///        ▲                                   │
///        └───────────────────────────────────┘      any error: .failed, for good
package struct RequestReader: Sendable {
  package enum Event: Sendable {
    case head(RequestHead)
    case body(ByteBuffer)
    case trailers(HeaderList)
    case end
  }

  private enum State {
    case head(HeadScanner, skippedEmptyLine: Bool)
    case body(BodyReader)
    case failed(WireError)
  }

  package let limits: HeadLimits
  private var state = State.head(HeadScanner(), skippedEmptyLine: false)

  package init(limits: HeadLimits = HeadLimits()) { self.limits = limits }

  /// The next event, its bytes taken from `buffer`; `nil` when more bytes are needed.
  package mutating func next(from buffer: inout ByteBuffer) throws(WireError) -> Event? {
    do {
      return try advance(&buffer)
    } catch {
      state = .failed(error)
      throw error
    }
  }

  private mutating func advance(_ buffer: inout ByteBuffer) throws(WireError) -> Event? {
    switch state {
    case .failed(let error):
      throw error
    case .body(var body):
      let event = try body.next(from: &buffer, limits: limits)
      switch event {
      case nil:
        state = .body(body)
        return nil
      case .bytes(let bytes):
        state = .body(body)
        return .body(bytes)
      case .trailers(let trailers):
        state = .body(body)
        return .trailers(trailers)
      case .end:
        state = .head(HeadScanner(), skippedEmptyLine: false)
        return .end
      }
    case .head(var scanner, var skippedEmptyLine):
      guard buffer.readableBytes > 0 else { return nil }
      // RFC 9112 section 2.2: one empty line before a request is forgiven.
      if !skippedEmptyLine, buffer.readableBytesUInt8Span[0] == ByteClass.carriageReturn {
        guard buffer.readableBytes > 1 else { return nil }
        guard buffer.readableBytesUInt8Span[1] == ByteClass.lineFeed else { throw .malformed("CR without LF") }
        buffer.moveReaderIndex(forwardBy: 2)
        skippedEmptyLine = true
        state = .head(scanner, skippedEmptyLine: true)
        guard buffer.readableBytes > 0 else { return nil }
      }
      guard try scanner.headLength(in: buffer.readableBytesUInt8Span, limits: limits) != nil else {
        state = .head(scanner, skippedEmptyLine: skippedEmptyLine)
        return nil
      }
      let head = try RequestHead(reading: &buffer, limits: limits)
      state = .body(BodyReader(head.framing))
      return .head(head)
    }
  }
}
