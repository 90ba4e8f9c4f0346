import EdgeCrypto
import NIOCore
import Routing

/// TLS to a service, over whatever leads there: a tunnel's channel or a TCP connection.
final class TLSStream: ByteStream {
  private static let sliceLength = 3 << 14

  let eventLoop: any EventLoop
  var consumer: (any ByteStreamConsumer)?
  private let inner: any ByteStream
  private let engine: TLSEngine
  /// Until the handshake is over; then nil.
  private var handshake: EventLoopPromise<Void>?
  private var isReading = false
  /// Plaintext that came while nobody read.
  private var arrived = ByteBuffer()
  private var hasFarEnd = false
  private var toldFarEnd = false
  /// The stream below has closed in order, and what came before waits for the reader.
  private var isOver = false

  init(over inner: any ByteStream, _ context: TLSClientContext, serverName: String) throws(CryptoError) {
    self.inner = inner
    eventLoop = inner.eventLoop
    engine = try TLSEngine(context, serverName: serverName)
  }

  /// Succeeds once the service has proved who it is. Fails with `StreamOpenFailure`.
  func start() -> EventLoopFuture<Void> {
    let promise = eventLoop.makePromise(of: Void.self)
    handshake = promise
    inner.consumer = self
    inner.resumeReading()
    receive(ByteBuffer())
    inner.flush()
    return promise.futureResult
  }

  /// The handshake comes to nothing.
  func giveUp(_ failure: StreamOpenFailure) {
    let promise = handshake
    handshake = nil
    promise?.fail(failure)
    inner.close(.reset)
  }

  private static let brokenHandshake = "the service closed the connection during the TLS handshake"

  // MARK: ByteStream

  var isWritable: Bool { inner.isWritable }

  func write(_ bytes: ByteBuffer) {
    var bytes = bytes
    let engine = engine
    while let slice = bytes.readSlice(length: min(bytes.readableBytes, Self.sliceLength)), slice.readableBytes > 0 {
      var output = ByteBuffer()
      output.writeWithOutputRawSpan(minimumWritableBytes: engine.outputNeeded(forSending: slice.readableBytes)) {
        output in _ = engine.send(slice.readableBytesSpan, endOfFlush: false, output: &output)
      }
      forward(output)
    }
  }

  func flush() {
    let engine = engine
    var output = ByteBuffer()
    output.writeWithOutputRawSpan(minimumWritableBytes: engine.outputNeeded(forSending: 0)) { output in
      _ = engine.send(ByteBuffer().readableBytesSpan, endOfFlush: true, output: &output)
    }
    forward(output)
    inner.flush()
  }

  func finishWriting() {
    sayGoodbye()
    inner.finishWriting()
  }

  func pauseReading() {
    isReading = false
    if handshake == nil { inner.pauseReading() }
  }

  func resumeReading() {
    guard !isReading else { return }
    isReading = true
    if arrived.readableBytes > 0 || hasFarEnd { deliverSoon() }
    inner.resumeReading()
  }

  func close(_ end: StreamEnd) {
    arrived.clear()
    if isOver { return deliverSoon() }
    if end == .finished { sayGoodbye() }
    inner.close(end)
  }

  func noteLasting() { inner.noteLasting() }

  var applicationProtocol: String? { engine.alpn }

  // MARK: Records

  private func receive(_ bytes: ByteBuffer) {
    var input = bytes
    let engine = engine
    while true {
      let isComplete = engine.isHandshakeComplete
      var output = ByteBuffer()
      var plain = ByteBuffer()
      var status = TLSStatus.needsInput
      var consumed = 0
      plain.writeWithOutputRawSpan(minimumWritableBytes: isComplete ? max(input.readableBytes, 1 << 10) : 1 << 10) {
        plain in
        output.writeWithOutputRawSpan(minimumWritableBytes: isComplete ? 256 : 6 << 10) { output in
          let progress = engine.receive(input.readableBytesSpan, output: &output, plaintext: &plain)
          status = progress.status
          consumed = progress.consumed
        }
      }
      input.moveReaderIndex(forwardBy: consumed)
      forward(output)
      drain()
      if !isComplete, engine.isHandshakeComplete { didShakeHands() }
      if plain.readableBytes > 0 { take(plain) }
      switch status {
      case .plaintextFull: continue
      case .needsInput: return
      case .closedByPeer:
        hasFarEnd = true
        deliver()
        return
      case .failed(let error):
        fail(error)
        return
      }
    }
  }

  private func drain() {
    let engine = engine
    while engine.pendingOutput > 0 {
      var output = ByteBuffer()
      output.writeWithOutputRawSpan(minimumWritableBytes: min(engine.pendingOutput, 60 << 10)) { output in
        _ = engine.drain(&output)
      }
      guard output.readableBytes > 0 else { return }
      forward(output)
    }
  }

  private func forward(_ output: ByteBuffer) {
    if output.readableBytes > 0 { inner.write(output) }
  }

  private func didShakeHands() {
    let promise = handshake
    handshake = nil
    // Nobody reads yet.
    if !isReading { inner.pauseReading() }
    promise?.succeed()
  }

  private func take(_ plain: ByteBuffer) {
    if isReading, arrived.readableBytes == 0 {
      consumer?.streamDidRead(plain)
    } else {
      arrived.writeImmutableBuffer(plain)
    }
  }

  private func deliver() {
    if isReading, arrived.readableBytes > 0 {
      let waiting = arrived
      arrived = ByteBuffer()
      consumer?.streamDidRead(waiting)
      consumer?.streamDidCompleteRead()
    }
    guard arrived.readableBytes == 0 else { return }
    if hasFarEnd, !toldFarEnd {
      toldFarEnd = true
      consumer?.streamDidFinishReading()
    }
    guard isOver, arrived.readableBytes == 0 else { return }
    let last = consumer
    consumer = nil
    last?.streamDidClose(.finished)
  }

  /// Never from within the caller's own call.
  private func deliverSoon() {
    let this = NIOLoopBound(self, eventLoop: eventLoop)
    eventLoop.execute { this.value.deliver() }
  }

  private func sayGoodbye() {
    guard engine.isHandshakeComplete else { return }
    let engine = engine
    var output = ByteBuffer()
    output.writeWithOutputRawSpan(minimumWritableBytes: engine.outputNeeded(forSending: 0)) { output in
      _ = engine.close(&output)
    }
    forward(output)
    inner.flush()
  }

  private func fail(_ error: TLSError) {
    inner.flush()
    if let promise = handshake {
      handshake = nil
      promise.fail(StreamOpenFailure.untrusted(error.description))
    }
    inner.close(.reset)
  }
}

extension TLSStream: ByteStreamConsumer {
  func streamDidRead(_ bytes: ByteBuffer) { receive(bytes) }

  func streamDidCompleteRead() {
    if handshake == nil { consumer?.streamDidCompleteRead() }
    inner.flush()
  }

  func streamDidFinishReading() {
    guard handshake == nil else { return giveUp(.refused(Self.brokenHandshake)) }
    guard let error = engine.receiveEOF() else {
      hasFarEnd = true
      deliver()
      return
    }
    // Without close_notify the end may be somebody else's (security rule 27).
    fail(error)
  }

  func streamWritabilityChanged(isWritable: Bool) { consumer?.streamWritabilityChanged(isWritable: isWritable) }

  func streamDidClose(_ end: StreamEnd) {
    if let promise = handshake {
      handshake = nil
      promise.fail(StreamOpenFailure.refused(Self.brokenHandshake))
    }
    let isCut = end == .finished && engine.receiveEOF() != nil
    if end == .finished, !isCut, arrived.readableBytes > 0 {
      isOver = true
      return
    }
    let last = consumer
    consumer = nil
    last?.streamDidClose(isCut ? .reset : end)
  }
}

@available(*, unavailable)
extension TLSStream: Sendable {}
