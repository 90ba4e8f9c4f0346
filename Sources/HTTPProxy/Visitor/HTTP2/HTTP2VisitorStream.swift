import DequeModule
import HTTPWire
import NIOCore
import Routing

/// One request on an HTTP/2 connection: between the frame machine and the `Exchange`, which knows of no frames.
final class HTTP2VisitorStream {
  let id: UInt32
  private(set) var exchange: Exchange?
  /// Held until the connection lets go of this stream, which the end of either makes it do.
  private let owner: HTTP2VisitorConnection
  /// Body bytes that the exchange does not take yet; the stream's window bounds them.
  private var inbound = Deque<ByteBuffer>()
  private var trailers: HeaderList?
  private var hasEnded = false
  private var hasToldEnd = false
  /// A WebSocket by extended CONNECT (RFC 8441): bytes wait until the service has agreed.
  private let isWebSocket: Bool
  private var isRaw = false
  private var hasSentHead = false
  private var isTaking = false
  /// What had left when it was last looked at, and since when it has been no more.
  private var lastSent: SentWhileWaiting?
  private var stalledSince = NIODeadline.distantPast

  init(id: UInt32, head: RequestHead?, owner: HTTP2VisitorConnection) {
    self.id = id
    self.owner = owner
    isWebSocket = head.map { $0.headers.contains(.upgrade) } ?? false
    exchange = Exchange(head: head, visitor: self, loop: owner.loop, remoteAddress: owner.remoteAddress)
    exchange?.serverName = owner.tls?.serverName
    exchange?.certificate = owner.tls?.certificate
  }

  func begin() {
    exchange?.begin()
    // Its head is the whole request that RFC 6455 knows.
    if isWebSocket { exchange?.takeEnd() }
  }

  func refuse(_ error: WireError) {
    // Of too large a head nothing is kept to look at; most often it is a browser's that has too many cookies.
    exchange?.isLikelyPerson = error == .headTooLarge
    exchange?.refuse(wire: error)
  }
  func turnAway(_ refusal: VisitorRefusal) { exchange?.refuse(refusal) }

  /// Carries another protocol, both ways.
  var isTunnel: Bool { isRaw && exchange != nil }

  // MARK: From the visitor

  func takeBody(_ bytes: ByteBuffer) {
    guard exchange != nil else {
      owner.consumed(bytes.readableBytes, of: self)
      return
    }
    keep(bytes)
    pass()
  }

  /// Small pieces are put together where they must wait: one byte must not hold the whole read it came in.
  private func keep(_ bytes: ByteBuffer) {
    let waits = exchange?.wantsBody != true || (isWebSocket && !isRaw) || isTaking
    guard let waiting = inbound.last?.readableBytes, waiting + bytes.readableBytes <= Self.smallPiece,
      var gathered = inbound.popLast()
    else { return inbound.append(waits ? bytes.withoutWaste : bytes) }
    gathered.writeImmutableBuffer(bytes)
    inbound.append(gathered)
  }

  private static let smallPiece = 16 << 10

  func takeTrailers(_ trailers: HeaderList) { self.trailers = trailers }

  func takeEnd() {
    hasEnded = true
    pass()
  }

  /// Hands on what the exchange takes, in order.
  private func pass() {
    guard !isTaking else { return }
    isTaking = true
    defer { isTaking = false }
    guard !isWebSocket || isRaw else { return }
    while let exchange, exchange.wantsBody, let bytes = inbound.popFirst() {
      if isRaw { exchange.takeRaw(bytes) } else { exchange.takeBody(bytes) }
      owner.consumed(bytes.readableBytes, of: self)
    }
    guard let exchange, hasEnded, inbound.isEmpty, !hasToldEnd else { return }
    hasToldEnd = true
    if isRaw {
      exchange.visitorFinishedSending()
    } else {
      if let trailers { exchange.takeTrailers(trailers) }
      exchange.takeEnd()
    }
  }

  /// Whether the visitor has opened no window for what waits, all this time. A tunnel may be quiet for as long as it likes.
  func isStalled(_ now: NIODeadline, longerThan limit: Int64) -> Bool {
    guard !isTunnel, let sent = owner.sentWhileWaiting(id) else {
      lastSent = nil
      return false
    }
    if let lastSent, !sent.isProgress(since: lastSent) { return now.isPast(stalledSince, by: limit) }
    lastSent = sent
    stalledSince = now
    return false
  }

  func giveUp() {
    exchange?.fail(logDetail: "visitor_stopped_reading")
    owner.reset(id, .cancel)
    finish()
    owner.flush()
  }

  func readCompleted() { exchange?.visitorReadCompleted() }

  /// The stream is gone: reset by the visitor, or with its connection.
  func left() {
    let exchange = exchange
    finish()
    exchange?.visitorLeft()
  }

  func writabilityChanged(isWritable: Bool) { exchange?.visitorWritabilityChanged(isWritable: isWritable) }

  /// The exchange is over on this side; what still comes is not wanted.
  private func finish() {
    exchange = nil
    for bytes in inbound { owner.consumed(bytes.readableBytes, of: self) }
    inbound.removeAll()
  }
}

extension HTTP2VisitorStream: VisitorSide {
  var remotePort: Int { owner.remotePort }
  var isWritable: Bool { owner.isWritable(id) }

  func sendInterim(_ head: ResponseHead, mask: FieldMask) { owner.sendHead(id, head, mask, [], endsStream: false) }

  func sendHead(_ head: ResponseHead, mask: FieldMask, additions: [HeaderList]) {
    hasSentHead = true
    var head = head
    if isWebSocket {
      switch head.status {
      case 101:
        // RFC 8441 section 5: a success opens the stream. The proof of the key belongs to HTTP/1.1.
        var mask = mask
        for (index, field) in head.headers.fields.enumerated() where field.kind == .secWebSocketAccept {
          mask.remove(index)
        }
        head.status = 200
        owner.sendHead(id, head, mask, additions, endsStream: false)
        return
      case 200...299:
        // The service did not switch. A success would tell the visitor that it had.
        head.status = 502
      default: break
      }
    }
    owner.sendHead(id, head, mask, additions, endsStream: head.framing == .none)
  }

  func sendBody(_ bytes: ByteBuffer) {
    owner.sendBody(id, bytes)
    guard !owner.isWritable(id) else { return }
    // The end of the service's read may wait behind the pause: what is here must leave without it.
    exchange?.visitorWritabilityChanged(isWritable: false)
    owner.flush()
  }

  func sendEnd(trailers: HeaderList?) {
    owner.sendEnd(id, trailers)
    finish()
  }

  func becomeRaw() {
    isRaw = true
    owner.becomeTunnel(id)
  }

  func finishRaw() {
    owner.sendEnd(id, nil)
    owner.flush()
  }

  func flush() { owner.flush() }

  /// A stream carries one exchange anyway.
  func closeAfterResponse() {}

  func bodyDemandChanged() {
    pass()
    exchange?.visitorReadCompleted()
  }

  func finishBoth() {
    owner.sendEnd(id, nil)
    owner.endTunnel(id)
    finish()
    owner.flush()
  }

  func abort() {
    guard !isRaw else { return finishBoth() }
    owner.reset(id, exchange?.brokenBy ?? (hasSentHead ? .internalError : .cancel))
    finish()
    owner.flush()
  }
}
