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
  /// What the service makes us say and does not fetch: from here on nothing more is read from it.
  private static let controlLimit = 64 << 10
  private static let writeLimit = 48 << 10
  /// From the open stream to the service's first word.
  static let startTime = TimeAmount.seconds(10)
  /// Silence with requests under way, until the service is asked whether it is there; and as long again for the answer.
  static let patience = TimeAmount.seconds(15)
  /// A service says when it ends such a connection (GOAWAY), so it is kept for longer than one that might end unseen.
  static let idleFactor: Int64 = 8

  let stream: any ByteStream
  var shelf: UpstreamShelf
  let pool: UpstreamPool
  private var connection = HTTP2Connection(role: .client, limits: .service) { "" }
  private var streams: [UInt32: HTTP2UpstreamStream] = [:]
  private var touched: [HTTP2UpstreamStream] = []
  /// Until the service has spoken; then nil.
  private var onStart: ((StreamOpenFailure?) -> Void)?
  private var startTimeout: Scheduled<Void>?
  private(set) var isClosed = false
  private(set) var hasServed = false
  /// It stands in the pool and counts as waiting for work.
  var isCountedIdle = false
  private(set) var idleSince = NIODeadline.now()
  /// For one exchange and no other.
  var isAlone = false
  /// Whose requests alone it carries (`tunnel_pool: session`).
  private var session: String?
  private var isTainted = false

  private var isInReadCycle = false
  private var isWriting = false
  private var isFlushScheduled = false
  private var isReading = true
  private(set) var heardAt = NIODeadline.now()
  /// A request got no answer, and nothing has come since: it takes no other before it gives a sign of life.
  private var isDoubted = false
  private var askedAt: NIODeadline?

  init(stream: any ByteStream, shelf: UpstreamShelf, pool: UpstreamPool) {
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

  private func didStart(_ failure: StreamOpenFailure?) {
    guard let done = onStart else { return }
    onStart = nil
    startTimeout?.cancel()
    startTimeout = nil
    done(failure)
  }

  /// Before the start: it comes to nothing.
  private func fail(_ failure: StreamOpenFailure) {
    close(.reset)
    didStart(failure)
  }

  private static let noHTTP2 =
    "the service does not speak HTTP/2, which h2c in `to` promises; if it speaks HTTP/1.1, write http://"

  // MARK: Requests

  var key: UpstreamKey { shelf.key }
  var isIdle: Bool { streams.isEmpty && connection.streamCount == 0 }
  var permitsWebSockets: Bool { connection.permitsConnectProtocol }

  /// Whether another request may go this way now.
  func takes(_ session: String?) -> Bool {
    guard onStart == nil, !isClosed, !isTainted, !isDoubted, !isAlone || !hasServed, connection.canBegin else {
      return false
    }
    switch pool.mode {
    case .shared: return true
    case .session: return self.session == session && session != nil || !hasServed
    case .off: return !hasServed
    }
  }

  /// A place for one request, which must begin at once.
  func makeStream(for session: String?) -> HTTP2UpstreamStream {
    if !hasServed { self.session = session }
    return HTTP2UpstreamStream(owner: self, hasServed: hasServed)
  }

  func taint() { isTainted = true }

  /// Begins a stream; nil when the service takes no more.
  func begin(_ stream: HTTP2UpstreamStream, _ head: RequestHead, protocolName: String?, endsStream: Bool) -> UInt32? {
    let scheme = if case .http2 = key.speech { "http" } else { "https" }
    guard
      let id = connection.sendRequest(head, scheme: scheme, protocolName: protocolName, endsStream: endsStream)
    else { return nil }
    if streams.isEmpty { heardAt = .now() }
    hasServed = true
    streams[id] = stream
    pool.noteBusy(self)
    return id
  }

  // MARK: Events

  private func deliver() {
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

  // MARK: Bytes out

  /// What the streams have said goes out together, at the end of a read or of this round of the loop.
  func flush() {
    guard !isInReadCycle, !isWriting, !isFlushScheduled, !isClosed else { return }
    isFlushScheduled = true
    stream.eventLoop.assumeIsolated().execute {
      self.isFlushScheduled = false
      self.writeOut()
    }
  }

  private func writeOut() {
    guard !isWriting, !isClosed else { return }
    isWriting = true
    // What came of bytes that were taken since.
    deliver()
    var wrote = true
    // A flush may make room again, and says so while we are still here.
    while wrote, !isClosed {
      wrote = false
      while !isClosed, stream.isWritable, let bytes = connection.takeOutbound(limit: Self.writeLimit) {
        stream.write(bytes)
        wrote = true
        // Sending makes room, and room makes more to send.
        deliver()
      }
      if wrote, !isClosed { stream.flush() }
    }
    isWriting = false
    guard !isClosed else { return }
    adjustReading()
    if onStart == nil, isIdle, !takesMore { end(reason: "") }
  }

  private var takesMore: Bool {
    connection.hasFuture && !isTainted && !(hasServed && (isAlone || pool.mode == .off))
  }

  private func adjustReading() {
    let wanted = connection.pendingControlBytes < Self.controlLimit
    guard wanted != isReading else { return }
    isReading = wanted
    if wanted { stream.resumeReading() } else { stream.pauseReading() }
  }

  // MARK: Time

  /// Called a few times a second while it stands in the pool.
  func tick(_ now: NIODeadline) {
    guard !isIdle || isDoubted, !isClosed else {
      askedAt = nil
      return
    }
    if let askedAt, askedAt > heardAt {
      // Without this a dead connection would swallow request after request.
      if now - askedAt > Self.patience { lose(.connectionLost, "the service's connection went silent") }
    } else if now - heardAt > Self.patience {
      askedAt = now
      connection.ping()
      flush()
    }
  }

  /// A request was given up that the service said nothing to. Without this, one after the other would wait in vain.
  func doubt() {
    guard !isDoubted, !isClosed else { return }
    isDoubted = true
    askedAt = .now()
    connection.ping()
    flush()
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
  private func lose(_ cause: StreamEnd, _ what: String) {
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

  private func breakAll(_ error: WireError, _ cause: StreamEnd) {
    let all = streams.sorted { $0.key < $1.key }
    streams = [:]
    for (_, stream) in all { stream.lost(error, cause) }
  }
}

// MARK: - The stream below

extension HTTP2UpstreamConnection: ByteStreamConsumer {
  func streamDidRead(_ bytes: ByteBuffer) {
    guard !isClosed else { return }
    isInReadCycle = true
    heardAt = .now()
    isDoubted = false
    do throws(HTTP2Error) {
      try connection.receive(bytes, at: heardAt.uptimeNanoseconds)
      deliver()
    } catch {
      if onStart != nil {
        fail(.unusable(Self.noHTTP2))
        return
      }
      // What came before counts.
      deliver()
      if !isClosed { lose(.reset, "the service broke the rules of HTTP/2: \(error.reason)") }
    }
  }

  func streamDidCompleteRead() {
    let concerned = touched
    touched.removeAll(keepingCapacity: true)
    for stream in concerned { stream.readCompleted() }
    isInReadCycle = false
    writeOut()
  }

  func streamDidFinishReading() {
    if onStart != nil { return fail(.unusable(Self.noHTTP2)) }
    lose(.finished, "the service ended the connection in the middle")
  }

  func streamWritabilityChanged(isWritable: Bool) {
    if isWritable { writeOut() }
  }

  func streamDidClose(_ end: StreamEnd) {
    let wasClosed = isClosed
    isClosed = true
    pool.remove(self)
    if onStart != nil { return didStart(end == .connectionLost ? .gone : .unusable(Self.noHTTP2)) }
    if !wasClosed { breakAll(.truncated, end) }
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
    didFreePlace()
    flush()
  }
}

@available(*, unavailable)
extension HTTP2UpstreamConnection: Sendable {}
