import HTTPWire
import NIOCore
import Routing

/// An HTTP/1.1 connection to a service, through a tunnel or direct: one exchange at a time, kept for the next one only after
/// a clean end (security rule 25).
final class UpstreamConnection: ByteStreamConsumer, ServiceSide {
  /// Who may use it next.
  enum Reuse: Equatable {
    case anyone
    case session(String)
    case nobody
  }

  let stream: any ByteStream
  var shelf: UpstreamShelf
  var key: UpstreamKey { shelf.key }
  private let pool: UpstreamPool
  private var reader = ResponseReader()
  private var inbound = ByteBuffer()
  private var writer = MessageWriter()
  /// While pieces are written whose order matters; what was asked for meanwhile.
  private var isWriting = false
  private var delayed: [ByteBuffer] = []
  private var flushesLater = false
  private(set) var exchange: Exchange?
  private(set) var reuse = Reuse.anyone
  private(set) var isClosed = false
  private(set) var hasServed = false
  /// Whether any byte of the present response has come.
  private(set) var hasAnswered = false
  private var hasSentWhole = false
  private var isTainted = false
  private var isRaw = false
  private var isReading = false
  var idleSince = NIODeadline.now()
  /// As the service says.
  private var keepAlive: TimeAmount?

  init(stream: any ByteStream, shelf: UpstreamShelf, pool: UpstreamPool) {
    self.stream = stream
    self.shelf = shelf
    self.pool = pool
    stream.consumer = self
  }

  var isWritable: Bool { stream.isWritable }
  /// How long it may wait for its next request.
  func idleLimit(_ usual: TimeAmount) -> TimeAmount { keepAlive ?? usual }

  // MARK: Requests

  func begin(_ exchange: Exchange, request: RequestRewriter) {
    self.exchange = exchange
    hasAnswered = false
    hasSentWhole = false
    reader.begin(method: request.head.method, mayUpgrade: request.upgrade != nil)
    writer.framing = request.head.framing
    request.write(into: &writer.buffer)
    setReading(true)
  }

  func sendBody(_ bytes: ByteBuffer) {
    guard let (gathered, large) = writer.writeBody(bytes) else { return }
    guard !isWriting else {
      delayed += [gathered, large]
      return
    }
    // A write may ask for a flush, or for more, before it returns. Neither may come between these two: what is gathered now
    // begins with the end of this chunk.
    isWriting = true
    if gathered.readableBytes > 0 { stream.write(gathered) }
    stream.write(large)
    while !delayed.isEmpty {
      let pieces = delayed
      delayed = []
      for piece in pieces where piece.readableBytes > 0 { stream.write(piece) }
    }
    isWriting = false
    guard flushesLater else { return }
    flushesLater = false
    flush()
  }

  func sendRaw(_ bytes: ByteBuffer) { stream.write(bytes) }

  func sendEnd(trailers: HeaderList?) {
    writer.writeEnd(trailers: trailers)
    hasSentWhole = true
  }

  func flush() {
    guard !isClosed else { return }
    guard !isWriting else {
      flushesLater = true
      return
    }
    if var bytes = writer.take() {
      stream.write(bytes)
      stream.flush()
      writer.recycle(&bytes)
    } else {
      stream.flush()
    }
  }

  func finishWriting() { stream.finishWriting() }

  func setReading(_ reading: Bool) {
    guard reading != isReading, !isClosed else { return }
    isReading = reading
    if reading { stream.resumeReading() } else { stream.pauseReading() }
  }

  /// Not to be used again, for whatever reason.
  func taint() { isTainted = true }

  /// What it sends next is not to be read as HTTP (security rule 23).
  func noteDeclinedUpgrade() { taint() }

  func becomeRaw() {
    isRaw = true
    noteLasting()
  }

  /// It stays open for as long as the visitor likes, and is no place for plain requests.
  func noteLasting() { stream.noteLasting() }

  /// The body might be the start of another request to a service that reads differently.
  func noteBody(of session: String?) { restrict(to: session) }

  /// The next user must be this session.
  func restrict(to session: String?) {
    switch (reuse, session) {
    case (.anyone, let session?): reuse = .session(session)
    case (.session(let present), let session?) where present == session: break
    default: reuse = .nobody
    }
  }

  // MARK: Ends

  /// The exchange is over. Back to the pool, or closed.
  func release() {
    exchange = nil
    hasServed = true
    if !isTainted, !isClosed, !isRaw, reader.isIdle, hasSentWhole, inbound.readableBytes == 0, reuse != .nobody {
      inbound = ByteBuffer()
      setReading(true)
      pool.put(self)
    } else {
      close(.finished)
    }
  }

  /// It was opened for a request that is served otherwise by now.
  func offer() {
    setReading(true)
    pool.put(self)
  }

  func close(_ end: StreamEnd) {
    exchange = nil
    guard !isClosed else { return }
    isClosed = true
    stream.close(end)
  }

  // MARK: ByteStreamConsumer

  func streamDidRead(_ bytes: ByteBuffer) {
    guard let exchange else {
      // Bytes nobody asked for.
      drop()
      return
    }
    hasAnswered = true
    if isRaw {
      exchange.serviceSentRaw(bytes)
      return
    }
    if inbound.readableBytes == 0 { inbound = bytes } else { inbound.writeImmutableBuffer(bytes) }
    read()
  }

  private func read() {
    do {
      while let exchange, let event = try reader.next(from: &inbound) {
        switch event {
        case .interim(let head):
          // With a length, say: what it calls its body may be read as the answer, and the answer by the next visitor.
          if !head.keepsAlive { taint() }
          exchange.serviceSentInterim(head)
        case .head(let head):
          if !head.keepsAlive { taint() }
          keepAlive = KeepAlive.idleLimit(head.headers)
          exchange.serviceSentHead(head)
        case .body(let bytes):
          if isRaw { exchange.serviceSentRaw(bytes) } else { exchange.serviceSentBody(bytes) }
        case .trailers(let trailers): exchange.serviceSentTrailers(trailers)
        case .end: exchange.serviceSentEnd()
        }
      }
      if inbound.readableBytes == 0 { inbound = ByteBuffer() }
    } catch {
      let exchange = self.exchange
      close(.reset)
      exchange?.serviceBroke(error)
    }
  }

  func streamDidCompleteRead() { exchange?.serviceReadCompleted() }

  func streamDidFinishReading() {
    guard let exchange else {
      drop()
      return
    }
    taint()
    if isRaw {
      exchange.serviceFinishedRaw()
      return
    }
    endOfInput(exchange)
  }

  private func endOfInput(_ exchange: Exchange) {
    do {
      if try reader.finish() != nil { exchange.serviceSentEnd() }
      exchange.serviceReadCompleted()
    } catch {
      close(.reset)
      exchange.serviceBroke(error)
    }
  }

  func streamWritabilityChanged(isWritable: Bool) { exchange?.serviceWritabilityChanged(isWritable: isWritable) }

  func streamDidClose(_ end: StreamEnd) {
    isClosed = true
    guard let exchange else {
      pool.remove(self)
      return
    }
    self.exchange = nil
    if isRaw {
      exchange.serviceClosedRaw(end)
    } else {
      let endsBody = end == .finished && reader.bodyEndsWithConnection
      if endsBody { exchange.serviceSentEnd() } else { exchange.serviceBroke(.truncated, end: end) }
    }
  }

  private func drop() {
    pool.remove(self)
    close(.reset)
  }
}
