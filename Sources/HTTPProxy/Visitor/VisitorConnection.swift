import HTTPWire
import NIOCore
import Routing
import Synchronization

/// One visitor's HTTP/1.1 connection: reads requests strictly, one after the other, and writes their responses in order.
///
/// It owns the reader and the clock of the connection; what a request means is the `Exchange`'s business.
///
///      idle ──first byte──▶ head ──▶ exchange (body in, response out) ──▶ idle …
///                                       └─ 101 ──▶ raw          any mistake ──▶ answered and closed
final class VisitorConnection: ChannelInboundHandler, RemovableChannelHandler, LoopConnection {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// Bytes that wait unread (pipelined requests, a body nobody takes yet) before the socket is left alone.
  static let unreadLimit = 32 << 10
  /// What is read and dropped after a response that came before its request was whole.
  static let discardLimit: UInt64 = 256 << 10
  /// Milliseconds.
  static let lingerTime: Int64 = 2_000

  let loop: LoopState
  let address: VisitorAddress
  let tls: TLSHandler?
  private(set) var context: ChannelHandlerContext?
  private var reader = RequestReader()
  private var inbound = ByteBuffer()
  var writer = MessageWriter()
  /// Something was written to the channel and not flushed.
  var hasWritten = false
  var unflushed = 0
  /// In the middle of a piece of the body.
  var isWriting = false
  private(set) var exchange: Exchange?
  private var requestIsWhole = true
  var responseIsWhole = true
  var closesAfterResponse = false
  var isRaw = false
  private var isProcessing = false
  private var isReading = true
  private var isLingering = false
  private var discarded: UInt64 = 0
  private(set) var inputIsClosed = false
  /// When this state began: connection, first byte of a head, end of the last exchange.
  private var since: NIODeadline
  private var progress = WriteProgress()
  /// The connection ends when what was written by then has left.
  private var outputEndsAt: NIODeadline?
  private var servedRequests = 0
  /// There is no room for it: told so, it goes.
  private let turnedAway: VisitorRefusal?

  init(loop: LoopState, address: VisitorAddress, tls: TLSHandler?, turnedAway: VisitorRefusal? = nil) {
    self.loop = loop
    self.turnedAway = turnedAway
    self.address = address
    self.tls = tls
    since = .now()
  }

  var isIdle: Bool { exchange == nil }
  var remoteAddress: String { address.text }
  var remotePort: Int { address.port }
  var exchanges: [Exchange] { exchange.map { [$0] } ?? [] }

  // MARK: Channel events

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    loop.add(self)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let bytes = unwrapInboundIn(data)
    if isLingering { return }
    if servedRequests == 0, exchange == nil, inbound.readableBytes == 0, speaksHTTP2(bytes) {
      becomeHTTP2(context, data)
      return
    }
    if inbound.readableBytes == 0 {
      if exchange == nil, requestIsWhole { since = loop.now }
      inbound = bytes
    } else {
      inbound.writeImmutableBuffer(bytes)
    }
    process()
  }

  /// By TLS's word, or without TLS by the preface that cannot be a request (RFC 9113 section 3.3).
  private func speaksHTTP2(_ bytes: ByteBuffer) -> Bool {
    switch loop.configuration.protocols {
    case .http1: return false
    // Whoever speaks something else is told so in HTTP/2.
    case .http2: return true
    case .all: break
    }
    if let tls { return tls.alpn == "h2" }
    return bytes.readableBytesView.starts(with: "PRI * HTTP/2.0\r\n".utf8)
  }

  /// Gives the connection to the one that speaks HTTP/2.
  private func becomeHTTP2(_ context: ChannelHandlerContext, _ data: NIOAny) {
    let successor = HTTP2VisitorConnection(loop: loop, address: address, tls: tls, turnedAway: turnedAway)
    let pipeline = context.pipeline.syncOperations
    do {
      try pipeline.addHandler(successor, position: .after(self))
    } catch {
      context.close(promise: nil)
      return
    }
    // Counted twice for a moment: the one that leaves takes its own with it.
    loop.shared.connectionCount.wrappingAdd(1, ordering: .relaxed)
    context.fireChannelRead(data)
    pipeline.removeHandler(context: context, promise: nil)
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    exchange?.visitorReadCompleted()
    flush()
    context.fireChannelReadComplete()
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    let isWritable = context.channel.isWritable
    progress.writabilityChanged(isWritable: isWritable, loop.now)
    exchange?.visitorWritabilityChanged(isWritable: isWritable)
    // The end of the service's read may wait behind the pause: what is here must leave without it.
    if !isWritable { flush() }
    guard isWritable, exchange == nil else { return }
    // Requests that waited for their predecessors' answers to leave.
    since = loop.now
    process()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard let event = event as? ChannelEvent, event == .inputClosed else {
      context.fireUserInboundEventTriggered(event)
      return
    }
    inputIsClosed = true
    if isRaw, let exchange {
      exchange.visitorFinishedSending()
    } else if let exchange {
      // Whoever hangs up before the answer does not want it.
      exchange.visitorLeft()
      context.close(promise: nil)
    } else {
      context.close(promise: nil)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    exchange?.visitorLeft()
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    exchange?.visitorLeft()
    exchange = nil
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    loop.remove(self)
    self.context = nil
  }

  // MARK: Reading

  /// Takes as many events from the unread bytes as may be taken now.
  private func process() {
    guard !isProcessing else { return }
    isProcessing = true
    defer {
      isProcessing = false
      adjustReading()
    }
    do {
      while try step() {}
    } catch {
      refuse(error)
    }
    if inbound.readableBytes == 0 { inbound = ByteBuffer() }
  }

  /// One event; `false` when nothing more can be done now.
  private func step() throws(WireError) -> Bool {
    if isLingering || context == nil { return false }
    if isRaw {
      guard inbound.readableBytes > 0, let exchange, exchange.wantsBody else { return false }
      let bytes = inbound
      inbound = ByteBuffer()
      exchange.takeRaw(bytes)
      return false
    }
    if requestIsWhole {
      // The next request waits until this one is answered, and until the answers before it leave: who sends requests
      // and reads nothing would have us keep them all.
      guard exchange == nil, !closesAfterResponse, isWritable else { return false }
    } else if let exchange, !exchange.wantsBody {
      return false
    }
    guard let event = try reader.next(from: &inbound) else { return false }
    switch event {
    case .head(let head):
      begin(head)
    case .body(let bytes):
      if let exchange { exchange.takeBody(bytes) } else { discard(bytes) }
    case .trailers(let trailers):
      exchange?.takeTrailers(trailers)
    case .end:
      requestIsWhole = true
      if let exchange { exchange.takeEnd() }
      finishIfWhole()
    }
    return true
  }

  private func begin(_ head: RequestHead) {
    servedRequests += 1
    requestIsWhole = false
    responseIsWhole = false
    if !head.keepsAlive || loop.isDraining || turnedAway != nil { closesAfterResponse = true }
    // What follows a CONNECT may be meant for a tunnel that there is not: it is not read as requests.
    if head.method == .connect { closesAfterResponse = true }
    let exchange = Exchange(head: head, visitor: self, loop: loop, remoteAddress: remoteAddress)
    exchange.serverName = tls?.serverName
    exchange.certificate = tls?.certificate
    self.exchange = exchange
    if let turnedAway { exchange.refuse(turnedAway) } else { exchange.begin() }
  }

  /// A body that nobody wants any more: its response is sent already.
  private func discard(_ bytes: ByteBuffer) {
    discarded += UInt64(bytes.readableBytes)
    if discarded > Self.discardLimit { linger() }
  }

  /// The visitor's mistake: told once, then the connection ends, since nothing after it can be trusted.
  private func refuse(_ error: WireError) {
    if let exchange {
      exchange.visitorBroke(error)
    } else if !requestIsWhole {
      // In the rest of a body whose answer is sent already: a second answer would be taken for the next request's.
      linger()
    } else {
      let exchange = Exchange(head: nil, visitor: self, loop: loop, remoteAddress: remoteAddress)
      self.exchange = exchange
      responseIsWhole = false
      closesAfterResponse = true
      exchange.isLikelyPerson = HeadGlance.welcomesHTML(inbound)
      exchange.refuse(wire: error)
    }
  }

  private func adjustReading() {
    let wanted: Bool
    if isLingering {
      wanted = true
    } else if let exchange, isRaw || !requestIsWhole {
      wanted = exchange.wantsBody || (!isRaw && inbound.readableBytes < Self.unreadLimit)
    } else if exchange == nil, requestIsWhole, !closesAfterResponse, isWritable {
      // What is left is the beginning of a head, which the reader bounds: it needs the rest, however long that is.
      wanted = true
    } else {
      wanted = inbound.readableBytes < Self.unreadLimit
    }
    guard wanted != isReading, let context else { return }
    isReading = wanted
    _ = try? context.channel.syncOptions?.setOption(.autoRead, value: wanted)
  }

  /// Called by the exchange when it takes bytes again, or no longer.
  func bodyDemandChanged() {
    if isProcessing { return }
    process()
    exchange?.visitorReadCompleted()
  }

  // MARK: Ends

  /// The exchange is over when both its halves are.
  func finishIfWhole() {
    guard responseIsWhole else { return }
    if !requestIsWhole {
      // The answer came early. A short rest of the body is read away, for a long one the connection is not worth it.
      exchange = nil
      since = loop.now
      if closesAfterResponse { linger() }
      return
    }
    exchange = nil
    discarded = 0
    since = loop.now
    if closesAfterResponse || loop.isDraining {
      linger()
    } else if inputIsClosed {
      context?.close(promise: nil)
    } else if !isProcessing, inbound.readableBytes > 0 {
      process()
    }
  }

  /// Ends our half, and reads what still comes for a moment: closing at once with bytes unread would reset the connection
  /// and take the answer with it.
  private func linger() {
    guard !isLingering, context != nil else { return }
    isLingering = true
    inbound = ByteBuffer()
    since = .now()
    flushAndFinishOutput()
    adjustReading()
  }

  func finishBoth() {
    exchange = nil
    responseIsWhole = true
    closesAfterResponse = true
    linger()
  }

  /// Ends our half once what was written has left. Where the visitor has ended theirs, the connection is over then; NIO would
  /// close it at once, with what it still has to write.
  func finishOutput() {
    guard let context else { return }
    if !inputIsClosed {
      context.close(mode: .output, promise: nil)
    } else if hasUnwritten {
      outputEndsAt = outputEndsAt ?? loop.now
    } else {
      context.close(promise: nil)
    }
  }

  /// Whether the socket has not taken all of what was flushed.
  private var hasUnwritten: Bool { unwritten > 0 }

  private var unwritten: Int { (try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0 }

  func abort() {
    exchange = nil
    responseIsWhole = true
    closesAfterResponse = true
    context?.close(promise: nil)
  }

  // MARK: Time

  /// Called a few times a second.
  func tick(_ now: NIODeadline) {
    let configuration = loop.configuration
    if progress.isWaiting, !isRaw,
      progress.isStuck(now, longerThan: configuration.writeTimeout, unwritten: unwritten)
    {
      loop.tally.refused(.writeTime)
      exchange?.fail(logDetail: "visitor_stopped_reading")
      abort()
      return
    }
    if let outputEndsAt, !hasUnwritten || now.isPast(outputEndsAt, by: configuration.writeTimeout) {
      context?.close(promise: nil)
      return
    }
    if isLingering {
      // A slow visitor has as long for the rest of an answer as for any other part of it.
      if now.isPast(since, by: hasUnwritten ? configuration.writeTimeout : Self.lingerTime) {
        context?.close(promise: nil)
      }
      return
    }
    if let exchange {
      exchange.tick(now)
      return
    }
    if !requestIsWhole {
      if now.isPast(since, by: configuration.readTimeout) { context?.close(promise: nil) }
    } else if progress.isWaiting {
      return
    } else if inbound.readableBytes > 0 || servedRequests == 0 {
      guard now.isPast(since, by: turnedAway == nil ? configuration.readTimeout : Self.timeToBeTold) else { return }
      if inbound.readableBytes > 0 {
        refuseSlowHead()
      } else {
        loop.tally.refused(.readTime)
        context?.close(promise: nil)
      }
    } else if now.isPast(since, by: configuration.idleTimeout(isCrowded: loop.isCrowded)) {
      context?.close(promise: nil)
    }
  }

  /// Milliseconds for the request of somebody for whom there is no room.
  static let timeToBeTold: Int64 = 5_000

  private func refuseSlowHead() {
    let exchange = Exchange(head: nil, visitor: self, loop: loop, remoteAddress: remoteAddress)
    self.exchange = exchange
    responseIsWhole = false
    closesAfterResponse = true
    exchange.refuse(.requestTimedOut)
  }

  /// The edge is shutting down: an idle connection ends, a busy one after its response.
  func drain() {
    if exchange == nil {
      context?.close(promise: nil)
    } else {
      closesAfterResponse = true
    }
  }

  func end() {
    exchange?.endWithEdge()
    context?.close(promise: nil)
  }
}
