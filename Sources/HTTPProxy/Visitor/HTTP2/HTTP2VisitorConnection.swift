import EdgeCrypto
import HTTPWire
import Logging
import NIOCore

/// One visitor's HTTP/2 connection: bytes into the frame machine, its events to the streams, its bytes out by turns.
///
///      socket ─▶ HTTP2Connection ─▶ HTTP2VisitorStream ─▶ Exchange
final class HTTP2VisitorConnection: ChannelInboundHandler, LoopConnection {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// Answers that the visitor does not fetch: from here on nothing more is read from it.
  private static let controlLimit = 64 << 10
  private static let writeLimit = 48 << 10
  /// Milliseconds.
  private static let lingerTime: Int64 = 1_000

  let loop: LoopState
  let address: VisitorAddress
  let tls: TLSHandler?
  private var connection: HTTP2Connection
  private var streams: [UInt32: HTTP2VisitorStream] = [:]
  private var touched: [HTTP2VisitorStream] = []
  private var context: ChannelHandlerContext?
  private var isInReadCycle = false
  private var isFlushing = false
  private var isFlushScheduled = false
  private var isReading = true
  private var hasPeerSettings = false
  private var servedRequests = 0
  private var since: NIODeadline
  private var progress = WriteProgress()
  private var drainingSince: NIODeadline?
  private var closingSince: NIODeadline?

  /// There is no room for it: told so, it goes.
  private let turnedAway: VisitorRefusal?

  init(loop: LoopState, address: VisitorAddress, tls: TLSHandler?, turnedAway: VisitorRefusal? = nil) {
    self.loop = loop
    self.turnedAway = turnedAway
    self.address = address
    self.tls = tls
    since = loop.now
    connection = HTTP2Connection(role: .server, limits: loop.configuration.http2) {
      Base64.encode(SecureRandom.bytes(16))
    }
  }

  var remoteAddress: String { address.text }
  var remotePort: Int { address.port }
  var exchanges: [Exchange] { streams.values.compactMap(\.exchange) }

  // MARK: Channel events

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    loop.add(self)
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    leaveAll()
    loop.remove(self)
    self.context = nil
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    isInReadCycle = true
    guard closingSince == nil else { return }
    do throws(HTTP2Error) {
      try connection.receive(unwrapInboundIn(data), at: loop.now.uptimeNanoseconds)
    } catch {
      loop.shared.logger.debug("http2 connection ended", metadata: ["error": "\(error)"])
      leaveAll()
      close()
      return
    }
    deliver()
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    let concerned = touched
    touched.removeAll(keepingCapacity: true)
    for stream in concerned { stream.readCompleted() }
    isInReadCycle = false
    writeOut()
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    progress.writabilityChanged(isWritable: context.channel.isWritable, loop.now)
    if context.channel.isWritable { writeOut() }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard let event = event as? ChannelEvent, event == .inputClosed else {
      context.fireUserInboundEventTriggered(event)
      return
    }
    context.close(promise: nil)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  func channelInactive(context: ChannelHandlerContext) { leaveAll() }

  private func leaveAll() {
    let all = Array(streams.values)
    streams = [:]
    for stream in all { stream.left() }
  }

  // MARK: Events

  private func deliver() {
    while let event = connection.nextEvent() { handle(event) }
  }

  private func handle(_ event: HTTP2Event) {
    switch event {
    case .request(let id, let head, _):
      servedRequests += 1
      let stream = HTTP2VisitorStream(id: id, head: head, owner: self)
      streams[id] = stream
      if let turnedAway {
        stream.turnAway(turnedAway)
        drainingSince = drainingSince ?? loop.now
        connection.beginGoAway()
      } else {
        stream.begin()
      }
    case .refused(let id, let error):
      servedRequests += 1
      let stream = HTTP2VisitorStream(id: id, head: nil, owner: self)
      streams[id] = stream
      stream.refuse(error)
    case .body(let id, let bytes):
      guard let stream = streams[id] else {
        connection.consumed(bytes.readableBytes, of: id)
        return
      }
      stream.takeBody(bytes)
      touched.append(stream)
    case .trailers(let id, let trailers): streams[id]?.takeTrailers(trailers)
    case .end(let id): streams[id]?.takeEnd()
    case .reset(let id, _, _): streams.removeValue(forKey: id)?.left()
    case .closed(let id):
      streams.removeValue(forKey: id)?.left()
      since = loop.now
    case .writable(let id): streams[id]?.writabilityChanged(isWritable: true)
    case .settings: hasPeerSettings = true
    case .goAway, .response: break
    }
  }

  // MARK: Bytes out

  /// What the streams have said goes out together, at the end of a read or of this round of the loop.
  func flush() {
    guard !isInReadCycle, !isFlushing, !isFlushScheduled, context != nil else { return }
    isFlushScheduled = true
    loop.eventLoop.assumeIsolated().execute {
      self.isFlushScheduled = false
      self.writeOut()
    }
  }

  private func writeOut() {
    guard let context, !isFlushing else { return }
    isFlushing = true
    var wrote = true
    // A flush may make the channel writable again, and says so while we are still here. TLS counts nothing until then.
    while wrote {
      wrote = false
      while context.channel.isWritable, let bytes = connection.takeOutbound(limit: Self.writeLimit) {
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        wrote = true
        // Sending makes room, and room makes more to send.
        deliver()
      }
    }
    isFlushing = false
    adjustReading()
    if closingSince == nil, connection.hasGoneAway, streams.isEmpty, connection.streamCount == 0 { close() }
  }

  private func adjustReading() {
    let wanted = connection.pendingControlBytes < Self.controlLimit
    guard wanted != isReading, let context else { return }
    isReading = wanted
    _ = try? context.channel.syncOptions?.setOption(.autoRead, value: wanted)
    if wanted { context.read() }
  }

  // MARK: Ends

  /// Our last words (GOAWAY), and no more of ours after them.
  private func close() {
    guard closingSince == nil, let context else { return }
    closingSince = .now()
    if let bytes = connection.takeOutbound(limit: 0) { context.writeAndFlush(wrapOutboundOut(bytes), promise: nil) }
    // What is unread would reset the connection, and take our last words with it.
    context.close(mode: .output, promise: nil)
  }

  /// Whether the socket has not taken all of what was flushed.
  private var hasUnwritten: Bool { unwritten > 0 }

  private var unwritten: Int { (try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0 }

  // MARK: LoopConnection

  func tick(_ now: NIODeadline) {
    let configuration = loop.configuration
    if let closingSince {
      // A slow visitor has as long for the rest of an answer as for any other part of it.
      if now.isPast(closingSince, by: hasUnwritten ? configuration.writeTimeout : Self.lingerTime) {
        context?.close(promise: nil)
      }
      return
    }
    if progress.isWaiting, progress.isStuck(now, longerThan: configuration.writeTimeout, unwritten: unwritten) {
      // Tunnels may be quiet for as long as they like; whatever else is here has been waited for long enough.
      let waiting = streams.values.filter { !$0.isTunnel }
      if !waiting.isEmpty || streams.isEmpty { loop.tally.refused(.writeTime) }
      guard waiting.count < streams.count else {
        for stream in waiting { stream.exchange?.fail(logDetail: "visitor_stopped_reading") }
        leaveAll()
        context?.close(promise: nil)
        return
      }
      for stream in waiting { stream.giveUp() }
    }
    for stream in Array(streams.values) {
      stream.exchange?.tick(now)
      if stream.isStalled(now, longerThan: configuration.writeTimeout) {
        loop.tally.refused(.writeTime)
        stream.giveUp()
      }
    }
    guard streams.isEmpty else {
      since = now
      return
    }
    if let drainingSince, now.isPast(drainingSince, by: Self.lingerTime) {
      close()
      return
    }
    let isKnown = hasPeerSettings && servedRequests > 0
    let patience = turnedAway == nil ? configuration.readTimeout : VisitorConnection.timeToBeTold
    if now.isPast(since, by: isKnown ? configuration.idleTimeout(isCrowded: loop.isCrowded) : patience) {
      if !isKnown { loop.tally.refused(.readTime) }
      connection.close(.noError, reason: "idle")
      close()
    }
  }

  func drain() {
    // What is on its way is still served; the answer to our PING says that nothing more is.
    drainingSince = drainingSince ?? .now()
    connection.beginGoAway()
    writeOut()
  }

  func end() {
    for exchange in exchanges { exchange.endWithEdge() }
    // Last words of WebSockets.
    writeOut()
    leaveAll()
    context?.close(promise: nil)
  }
}

// MARK: - The streams' view

extension HTTP2VisitorConnection {
  func isWritable(_ id: UInt32) -> Bool { connection.isWritable(id) }

  func sendHead(_ id: UInt32, _ head: ResponseHead, _ mask: FieldMask, _ additions: [HeaderList], endsStream: Bool) {
    connection.sendHead(id, head, mask: mask, additions: additions, endsStream: endsStream)
  }

  func sendBody(_ id: UInt32, _ bytes: ByteBuffer) { connection.sendBody(id, bytes) }
  func sendEnd(_ id: UInt32, _ trailers: HeaderList?) { connection.sendEnd(id, trailers: trailers) }
  func consumed(_ count: Int, of stream: HTTP2VisitorStream) {
    connection.consumed(count, of: stream.id)
    // The visitor may be waiting for just this.
    if connection.pendingControlBytes > 0 { flush() }
  }
  func sentWhileWaiting(_ id: UInt32) -> SentWhileWaiting? { connection.sentWhileWaiting(id) }
  func becomeTunnel(_ id: UInt32) { connection.becomeTunnel(id) }
  func endTunnel(_ id: UInt32) { connection.endTunnel(id) }

  func reset(_ id: UInt32, _ code: HTTP2ErrorCode) {
    connection.reset(id, code)
    streams[id] = nil
  }
}
