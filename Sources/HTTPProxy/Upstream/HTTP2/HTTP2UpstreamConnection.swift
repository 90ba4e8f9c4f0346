import EdgeCrypto
import HTTPWire
import NIOCore
import Routing

/// An HTTP/2 connection to a service, through a tunnel or direct: many exchanges at once, of all visitors of its loop.
///
///      Exchange ◀──▶ HTTP2UpstreamStream ◀──▶ HTTP2Connection ◀──▶ ByteStream
///
/// Frames say where each request ends, so a body cannot become the start of somebody else's request; what security rule 25
/// asks of connections that are read to and fro is given here by the protocol.
final class HTTP2UpstreamConnection {
  /// From the open stream to the service's first word.
  static let startTime = TimeAmount.seconds(10)
  /// A service says when it ends such a connection (GOAWAY), so it is kept for longer than one that might end unseen.
  static let idleFactor: Int64 = 8

  let stream: any ByteStream
  var shelf: UpstreamShelf
  let pool: UpstreamPool
  var connection = HTTP2Connection(role: .client, limits: .service) { "" }
  private var streams: [UInt32: HTTP2UpstreamStream] = [:]
  var touched: [HTTP2UpstreamStream] = []
  /// Until the service has spoken; then nil.
  private(set) var onStart: ((StreamOpenFailure?) -> Void)?
  private var startTimeout: Scheduled<Void>?
  private(set) var isClosed = false
  private var use = ConnectionUse()
  private var pulse = ServicePulse()
  /// It stands in the pool and counts as waiting for work.
  var isCountedIdle = false
  private(set) var idleSince = NIODeadline.now()

  var isInReadCycle = false
  var isWriting = false
  var isFlushScheduled = false
  var isReading = true

  /// `isAlone`: for one exchange and no other.
  init(stream: any ByteStream, shelf: UpstreamShelf, pool: UpstreamPool, isAlone: Bool) {
    use.isAlone = isAlone
    self.stream = stream
    self.shelf = shelf
    self.pool = pool
  }

  // MARK: The start

  /// Requests are sent once the service's settings are here: they say how many it takes at once, and that it speaks HTTP/2.
  func start(_ done: @escaping (StreamOpenFailure?) -> Void) {
    onStart = done
    stream.consumer = self
    startTimeout = stream.eventLoop.assumeIsolated().scheduleTask(in: Self.startTime) { [weak self] in
      self?.fail(.timedOut)
    }
    stream.resumeReading()
    writeOut()
  }

  func didStart(_ failure: StreamOpenFailure?) {
    guard let done = onStart else { return }
    onStart = nil
    startTimeout?.cancel()
    startTimeout = nil
    done(failure)
  }

  /// Before the start: it comes to nothing.
  func fail(_ failure: StreamOpenFailure) {
    close(.reset)
    didStart(failure)
  }

  static let noHTTP2 =
    "the service does not speak HTTP/2, which h2c in `to` promises; if it speaks HTTP/1.1, write http://"

  // MARK: Requests

  var key: UpstreamKey { shelf.key }
  var isIdle: Bool { streams.isEmpty && connection.streamCount == 0 }
  var isAlone: Bool { use.isAlone }
  var heardAt: NIODeadline { pulse.heardAt }
  var permitsWebSockets: Bool { connection.permitsConnectProtocol }

  /// Whether another request may go this way now.
  func takes(_ session: String?) -> Bool {
    // One that gave no answer takes no other request before it gives a sign of life.
    onStart == nil && !isClosed && !pulse.isDoubted && connection.canBegin && use.takes(session, pool.mode)
  }

  /// Whether it ever may.
  var takesMore: Bool { connection.hasFuture && use.takesMore(pool.mode) }

  /// A place for one request, which must begin at once.
  func makeStream(for session: String?) -> HTTP2UpstreamStream {
    use.willCarry(session)
    return HTTP2UpstreamStream(owner: self, hasServed: use.hasServed)
  }

  func taint() { use.taint() }

  /// Begins a stream; nil when the service takes no more.
  func begin(_ stream: HTTP2UpstreamStream, _ head: RequestHead, protocolName: String?, endsStream: Bool) -> UInt32? {
    let scheme = if case .http2 = key.speech { "http" } else { "https" }
    guard
      let id = connection.sendRequest(head, scheme: scheme, protocolName: protocolName, endsStream: endsStream)
    else { return nil }
    if streams.isEmpty { pulse.beginWaiting(.now()) }
    use.noteBegun()
    streams[id] = stream
    pool.noteBusy(self)
    return id
  }

  // MARK: Events

  func deliver() {
    while let event = connection.nextEvent() { handle(event) }
  }

  private func handle(_ event: HTTP2Event) {
    switch event {
    case .response(let id, let head, let endsStream):
      guard let stream = streams[id] else { return }
      stream.takeHead(head, endsStream: endsStream)
      touched.append(stream)
    case .body(let id, let bytes):
      guard let stream = streams[id] else { return connection.consumed(bytes.readableBytes, of: id) }
      stream.takeBody(bytes)
      touched.append(stream)
    case .trailers(let id, let trailers): streams[id]?.takeTrailers(trailers)
    case .end(let id):
      guard let stream = streams[id] else { return }
      stream.takeEnd()
      touched.append(stream)
    case .reset(let id, let code, let byPeer):
      streams.removeValue(forKey: id)?.takeReset(code, byPeer: byPeer)
      didFreePlace()
    case .closed(let id):
      streams[id] = nil
      didFreePlace()
    case .writable(let id): streams[id]?.writabilityChanged(isWritable: true)
    case .settings:
      // Later ones may let more requests in at once.
      if onStart == nil { pool.noteRoom(self) } else { didStart(nil) }
    case .goAway: leave()
    case .request, .refused: break
    }
  }

  /// The service takes nothing new: what is under way is finished.
  private func leave() {
    if onStart != nil { return fail(.refused("the service ended the connection (GOAWAY)")) }
    pool.remove(self)
    endIfDone()
  }

  private func didFreePlace() {
    if isIdle { idleSince = .now() }
    guard !isClosed else { return }
    if takesMore {
      pool.noteRoom(self)
    } else {
      pool.remove(self)
      endIfDone()
    }
  }

  private func endIfDone() {
    if isIdle, !isInReadCycle, !isWriting { end(reason: "") }
  }

  // MARK: Time

  /// Called a few times a second.
  func tick(_ now: NIODeadline) {
    guard !isClosed else { return }
    switch pulse.look(now, isBusy: !isIdle) {
    case .fine: break
    case .ask: ask()
    // Without this a dead connection would swallow request after request.
    case .silent: lose(.connectionLost, "the service's connection went silent")
    }
  }

  /// A request was given up that the service said nothing to. Without this, one after the other would wait in vain.
  func doubt() {
    if !isClosed, pulse.doubt(.now()) { ask() }
  }

  private func ask() {
    connection.ping()
    flush()
  }

  /// Whether it was doubted until now.
  func noteSign(_ now: NIODeadline) -> Bool {
    defer { pulse.heard(now) }
    return pulse.isDoubted
  }

  func isIdleTooLong(_ now: NIODeadline, _ usual: TimeAmount) -> Bool {
    isIdle && now - idleSince > usual * Self.idleFactor
  }

  // MARK: Ends

  /// In order: nothing is under way.
  func end(reason: String) {
    guard !isClosed else { return }
    connection.close(.noError, reason: reason)
    if let bytes = connection.takeOutbound(limit: 0) { stream.write(bytes) }
    stream.flush()
    close(.finished)
  }

  private func close(_ end: StreamEnd) {
    guard !isClosed else { return }
    isClosed = true
    pool.remove(self)
    stream.close(end)
  }

  /// Everything under way breaks off.
  func lose(_ cause: StreamEnd, _ what: String) {
    if cause == .reset, let bytes = connection.takeOutbound(limit: 0) {
      // Our last words: GOAWAY.
      stream.write(bytes)
      stream.flush()
      close(.finished)
    } else {
      close(cause)
    }
    breakAll(.malformed(what), cause)
  }

  /// The stream below is gone.
  func didClose(_ end: StreamEnd) {
    let wasClosed = isClosed
    isClosed = true
    pool.remove(self)
    if onStart != nil { return didStart(end == .connectionLost ? .gone : .unusable(Self.noHTTP2)) }
    if !wasClosed { breakAll(.truncated, end) }
  }

  private func breakAll(_ error: WireError, _ cause: StreamEnd) {
    let all = streams.sorted { $0.key < $1.key }
    streams = [:]
    for (_, stream) in all { stream.lost(error, cause) }
  }
}

// MARK: - The streams' view

extension HTTP2UpstreamConnection {
  func isWritable(_ id: UInt32) -> Bool { !isClosed && connection.isWritable(id) }
  func sendBody(_ id: UInt32, _ bytes: ByteBuffer) { connection.sendBody(id, bytes) }
  func sendEnd(_ id: UInt32, _ trailers: HeaderList?) { connection.sendEnd(id, trailers: trailers) }
  func becomeTunnel(_ id: UInt32) { connection.becomeTunnel(id) }
  func endTunnel(_ id: UInt32) { connection.endTunnel(id) }

  func consumed(_ count: Int, of id: UInt32) {
    connection.consumed(count, of: id)
    // The service may be waiting for just this, and the stream may be over with it.
    if connection.pendingControlBytes > 0 || connection.hasEvents { flush() }
  }

  /// The exchange is whole; part of the request may not have left, and nobody waits for it.
  func release(_ id: UInt32) {
    if connection.sentWhileWaiting(id) != nil { reset(id, .cancel) }
  }

  func reset(_ id: UInt32, _ code: HTTP2ErrorCode) {
    guard streams.removeValue(forKey: id) != nil else { return }
    connection.reset(id, code)
    use.noteGivenUp()
    didFreePlace()
    flush()
  }
}

@available(*, unavailable)
extension HTTP2UpstreamConnection: Sendable {}
