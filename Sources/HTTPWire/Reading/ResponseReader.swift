import NIOCore

/// Reads the responses of a service on one connection, as strictly as requests are read (security rule 24).
///
///      idle ─begin─▶ head ──▶ interim* ──▶ body ──▶ trailers? ──▶ idle
///                      └─ 101, asked for ──▶ raw
package struct ResponseReader: Sendable {
  package enum Event: Sendable {
    /// A 1xx other than 101; the real response follows.
    case interim(ResponseHead)
    case head(ResponseHead)
    case body(ByteBuffer)
    case trailers(HeaderList)
    case end
  }

  private enum State {
    case idle
    case head(HeadScanner)
    case body(BodyReader)
    /// After 101: bytes of another protocol.
    case raw
    case failed(WireError)
  }

  package let limits: HeadLimits
  private var state = State.idle
  private var method = RequestMethod.get
  private var mayUpgrade = false
  private var interimCount = 0

  package init(limits: HeadLimits = HeadLimits()) { self.limits = limits }

  /// Whether no response is being read.
  package var isIdle: Bool {
    if case .idle = state { return true }
    return false
  }

  /// Whether the body being read ends where the connection ends.
  package var bodyEndsWithConnection: Bool {
    if case .body(let body) = state { return body.endsWithConnection }
    return false
  }

  /// A request was sent; its response is read next.
  package mutating func begin(method: RequestMethod, mayUpgrade: Bool = false) {
    self.method = method
    self.mayUpgrade = mayUpgrade
    interimCount = 0
    state = .head(HeadScanner())
  }

  package mutating func next(from buffer: inout ByteBuffer) throws(WireError) -> Event? {
    do {
      return try advance(&buffer)
    } catch {
      state = .failed(error)
      throw error
    }
  }

  /// The connection ended. `.end` when that ends the body, `nil` when nothing was being read; else it broke off.
  package mutating func finish() throws(WireError) -> Event? {
    switch state {
    case .idle: return nil
    case .raw:
      state = .idle
      return .end
    case .body(let body) where body.endsWithConnection:
      state = .idle
      return .end
    case .head, .body:
      state = .failed(.truncated)
      throw .truncated
    case .failed(let error): throw error
    }
  }

  private mutating func advance(_ buffer: inout ByteBuffer) throws(WireError) -> Event? {
    switch state {
    case .failed(let error): throw error
    case .idle:
      guard buffer.readableBytes == 0 else { throw .malformed("bytes without a request") }
      return nil
    case .raw:
      guard buffer.readableBytes > 0, let bytes = buffer.readSlice(length: buffer.readableBytes) else { return nil }
      return .body(bytes)
    case .body(var body):
      let event = try body.next(from: &buffer, limits: limits)
      state = .body(body)
      switch event {
      case nil: return nil
      case .bytes(let bytes): return .body(bytes)
      case .trailers(let trailers): return .trailers(trailers)
      case .end:
        state = .idle
        return .end
      }
    case .head(var scanner):
      guard try scanner.headLength(in: buffer.readableBytesUInt8Span, limits: limits) != nil else {
        // A service that speaks something else (SSH, a database) would be waited for until the time is over.
        guard Self.mayBecomeHead(buffer) else { throw .malformed("a response that is no HTTP/1") }
        state = .head(scanner)
        return nil
      }
      let head = try ResponseHead(reading: &buffer, answering: method, limits: limits)
      return try accept(head)
    }
  }

  private static func mayBecomeHead(_ buffer: ByteBuffer) -> Bool {
    zip(buffer.readableBytesView, "HTTP/1.".utf8).allSatisfy { $0 == $1 }
  }

  private mutating func accept(_ head: ResponseHead) throws(WireError) -> Event {
    if head.isInterim {
      interimCount += 1
      guard interimCount <= limits.interimResponses else { throw .malformed("too many interim responses") }
      state = .head(HeadScanner())
      return .interim(head)
    }
    if head.status == 101 {
      guard mayUpgrade else { throw .malformed("101 without a request to upgrade") }
      state = .raw
      return .head(head)
    }
    state = .body(BodyReader(head.framing))
    return .head(head)
  }
}
