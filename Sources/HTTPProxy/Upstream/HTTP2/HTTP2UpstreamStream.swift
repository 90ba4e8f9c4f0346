import DequeModule
import EdgeCrypto
import HTTPWire
import NIOCore
import Routing

/// One exchange on an HTTP/2 connection to a service: between the frame machine and the `Exchange`, which knows of no frames.
final class HTTP2UpstreamStream: ServiceSide {
  /// What the edge itself writes is not measured by what visitors may write.
  private static let headLimits: HeadLimits = {
    var limits = HeadLimits()
    limits.headLength = 1 << 20
    limits.targetLength = 256 << 10
    limits.fieldCount = 1024
    return limits
  }()
  private static let smallPiece = 16 << 10

  private let owner: HTTP2UpstreamConnection
  private var id: UInt32?
  private var beganAt = NIODeadline.distantFuture
  /// So long an answer may take without anything to be thought of it.
  private static let patience = TimeAmount.seconds(1)
  private(set) var exchange: Exchange?
  let hasServed: Bool
  private(set) var hasAnswered = false
  /// A WebSocket by extended CONNECT (RFC 8441).
  private var isConnect = false
  private var isRaw = false
  /// RFC 9110 section 6.4.1: no content follows, whatever the head says.
  private var isBodiless = false
  private var interimResponses = 0
  /// Body bytes that the exchange does not take yet; the stream's window bounds them.
  private var inbound = Deque<ByteBuffer>()
  private var trailers: HeaderList?
  private var hasEnded = false
  private var hasToldEnd = false
  private var isReading = true
  private var isPassing = false
  private var isPassScheduled = false

  init(owner: HTTP2UpstreamConnection, hasServed: Bool) {
    self.owner = owner
    self.hasServed = hasServed
  }

  // MARK: From the service

  func takeHead(_ head: ResponseHead, endsStream: Bool) {
    guard let exchange else { return }
    hasAnswered = true
    if head.isInterim {
      interimResponses += 1
      guard interimResponses <= Self.headLimits.interimResponses else {
        return breakOff("more than \(Self.headLimits.interimResponses) interim responses")
      }
      exchange.serviceSentInterim(head)
      return
    }
    var head = head
    if isConnect, head.status >= 200, head.status < 300 {
      guard !endsStream else { return breakOff("a WebSocket that ends as it begins") }
      exchange.serviceSentHead(Self.switching(head, exchange))
      return
    }
    isBodiless = exchange.head?.method == .head || head.status == 204 || head.status == 304
    if isBodiless {
      head.framing = .none
    } else if head.framing == .none, exchange.head?.version != .http2 {
      // HTTP/1.1 must be told that there is nothing; in HTTP/2 the head ends the stream (gRPC: Trailers-Only).
      head.framing = .length(0)
    }
    exchange.serviceSentHead(head)
  }

  /// What RFC 6455 would have answered: nothing behind needs to know of two ways.
  private static func switching(_ head: ResponseHead, _ exchange: Exchange) -> ResponseHead {
    var head = head
    head.status = 101
    head.framing = .none
    head.headers.remove { $0.kind == .contentLength || $0.kind == .secWebSocketAccept }
    head.headers.add("Connection", "Upgrade")
    head.headers.add("Upgrade", "websocket")
    if let key = exchange.head?.headers.first(.secWebSocketKey) {
      head.headers.add(
        "Sec-WebSocket-Accept", Base64.encode(Digest.sha1(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")))
    }
    return head
  }

  func takeBody(_ bytes: ByteBuffer) {
    guard exchange != nil else {
      if let id { owner.consumed(bytes.readableBytes, of: id) }
      return
    }
    guard !isBodiless else { return breakOff("content after a head that says there is none") }
    keep(bytes)
    pass()
  }

  /// Small pieces are put together where they must wait: one byte must not hold the whole read it came in.
  private func keep(_ bytes: ByteBuffer) {
    guard let waiting = inbound.last?.readableBytes, waiting + bytes.readableBytes <= Self.smallPiece,
      var gathered = inbound.popLast()
    else { return inbound.append(isReading && !isPassing ? bytes : bytes.withoutWaste) }
    gathered.writeImmutableBuffer(bytes)
    inbound.append(gathered)
  }

  func takeTrailers(_ trailers: HeaderList) { self.trailers = trailers }

  func takeEnd() {
    hasEnded = true
    pass()
  }

  /// Hands on what the exchange takes, in order.
  private func pass() {
    guard !isPassing else { return }
    isPassing = true
    defer { isPassing = false }
    while isReading, let exchange, let bytes = inbound.popFirst() {
      if isRaw { exchange.serviceSentRaw(bytes) } else { exchange.serviceSentBody(bytes) }
      if let id { owner.consumed(bytes.readableBytes, of: id) }
    }
    guard hasEnded, inbound.isEmpty, !hasToldEnd, let exchange else { return }
    hasToldEnd = true
    if isRaw { return exchange.serviceFinishedRaw() }
    if let trailers, !isBodiless { exchange.serviceSentTrailers(trailers) }
    // What stands in the trailers may have ended it.
    if self.exchange != nil { exchange.serviceSentEnd() }
  }

  func readCompleted() { exchange?.serviceReadCompleted() }

  func writabilityChanged(isWritable: Bool) { exchange?.serviceWritabilityChanged(isWritable: isWritable) }

  /// The service gave the stream up, or broke its rules.
  func takeReset(_ code: HTTP2ErrorCode, byPeer: Bool) {
    id = nil
    // An answer that has come whole is an answer: the service only wants no more of the request (RFC 9113 section 8.1).
    guard let exchange, !hasEnded else { return }
    if isRaw {
      let exchange = detach()
      exchange?.serviceClosedRaw(.reset)
    } else if byPeer, code == .refusedStream, !hasAnswered {
      exchange.serviceDidNotProcess()
    } else if byPeer, code == .http11Required, !hasAnswered {
      exchange.serviceWantsHTTP1()
    } else {
      // These two are about requests that were not looked at. This one was, and a visitor would send it again.
      exchange.brokenBy = code == .refusedStream || code == .http11Required ? .internalError : code
      exchange.serviceBroke(
        byPeer
          ? .malformed("the service gave the request up (HTTP/2 error \(code.rawValue))")
          : .malformed("the service's answer breaks the rules of HTTP/2"))
    }
  }

  /// The connection is gone. An answer that has come whole still reaches its reader.
  func lost(_ error: WireError, _ cause: StreamEnd) {
    id = nil
    guard let exchange, !hasEnded else { return }
    if isRaw {
      let exchange = detach()
      exchange?.serviceClosedRaw(cause)
    } else {
      exchange.serviceBroke(error, end: cause)
    }
  }

  private func breakOff(_ what: String) {
    guard let exchange else { return }
    exchange.serviceBroke(.malformed(what))
  }

  private func detach() -> Exchange? {
    let exchange = exchange
    self.exchange = nil
    if let id {
      for bytes in inbound { owner.consumed(bytes.readableBytes, of: id) }
    }
    inbound.removeAll()
    return exchange
  }

  // MARK: ServiceSide

  var key: UpstreamKey { owner.key }
  var isWritable: Bool { id.map { owner.isWritable($0) } ?? true }

  func begin(_ exchange: Exchange, request: RequestRewriter) {
    self.exchange = exchange
    if let upgrade = request.upgrade {
      isConnect = true
      guard upgrade == "websocket", owner.permitsWebSockets else {
        return breakOff(
          upgrade == "websocket"
            ? "the service speaks HTTP/2 without WebSockets (RFC 8441); if it takes them over HTTP/1.1, write http:// in `to`"
            : "HTTP/2 knows no upgrade to another protocol; if the service does over HTTP/1.1, write http:// in `to`")
      }
    }
    // One writer decides what leaves for a service, in either version.
    var bytes = ByteBuffer()
    request.write(into: &bytes)
    var reader = RequestReader(limits: Self.headLimits)
    guard case .head(var head)? = try? reader.next(from: &bytes) else {
      return breakOff("the request cannot be written as the route says")
    }
    if isConnect { head.headers.remove { $0.kind == .secWebSocketKey } }
    let ends = !isConnect && !request.head.hasBody
    id = owner.begin(self, head, protocolName: isConnect ? "websocket" : nil, endsStream: ends)
    guard id != nil else { return exchange.serviceDidNotProcess() }
    beganAt = .now()
    hasSentEnd = ends
  }

  private var hasSentEnd = false

  func sendBody(_ bytes: ByteBuffer) {
    guard let id, !hasSentEnd else { return }
    owner.sendBody(id, bytes)
    if !owner.isWritable(id) { owner.flush() }
  }

  func sendRaw(_ bytes: ByteBuffer) { sendBody(bytes) }

  func sendEnd(trailers: HeaderList?) {
    // The head of a WebSocket is the whole request that RFC 6455 knows.
    guard let id, !isConnect, !hasSentEnd else { return }
    hasSentEnd = true
    owner.sendEnd(id, trailers)
  }

  func finishWriting() {
    guard let id, isRaw, !hasSentEnd else { return }
    hasSentEnd = true
    owner.sendEnd(id, nil)
    owner.flush()
  }

  func flush() { owner.flush() }

  func setReading(_ reading: Bool) {
    guard reading != isReading else { return }
    isReading = reading
    guard reading, !isPassScheduled, !inbound.isEmpty || hasEnded else { return }
    isPassScheduled = true
    // Never from within the caller's own call.
    owner.stream.eventLoop.assumeIsolated().execute {
      self.isPassScheduled = false
      self.pass()
      self.readCompleted()
    }
  }

  func restrict(to session: String?) {
    // The connection knows: it asks the pool's mode before it takes anybody.
  }

  func noteBody(of session: String?) {
    // Frames say where it ends.
  }

  func taint() { owner.taint() }

  func noteDeclinedUpgrade() {
    // A stream that did not become a tunnel stays a stream.
  }

  func noteLasting() {
    // Others find room beside it.
  }

  func becomeRaw() {
    isRaw = true
    if let id { owner.becomeTunnel(id) }
  }

  func release() {
    _ = detach()
    guard let id else { return }
    if isConnect, !hasSentEnd {
      // A WebSocket that was declined. Our half of it is open still, and the service need not say that it wants nothing.
      owner.reset(id, .cancel)
    } else {
      owner.release(id)
    }
  }

  func close(_ end: StreamEnd) {
    let wasRaw = isRaw
    _ = detach()
    guard let id else { return }
    self.id = nil
    if wasRaw, end == .finished {
      if !hasSentEnd { owner.sendEnd(id, nil) }
      owner.endTunnel(id)
      owner.flush()
    } else {
      owner.reset(id, .cancel)
      // What came shortly after it began, an acknowledgement of our settings for one, is no sign of life by now.
      if !hasAnswered, .now() - max(owner.heardAt, beganAt) > Self.patience { owner.doubt() }
    }
  }
}

@available(*, unavailable)
extension HTTP2UpstreamStream: Sendable {}
