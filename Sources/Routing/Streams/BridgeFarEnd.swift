import NIOCore

/// The end of a `LoopBridge` that lives on the stream's loop and consumes it.
final class BridgeFarEnd: ByteStreamConsumer {
  let stream: any ByteStream

  private let link: BridgeLink
  private var collected: [BridgeRead] = []
  private var inFlight = 0
  private var isReading = false
  private var unconfirmed = 0
  private var isClosed = false

  init(stream: any ByteStream, link: BridgeLink) {
    self.stream = stream
    self.link = link
    link.far.value = self
    stream.isToldWhatIsTaken = true
    stream.consumer = self
  }

  // MARK: What my loop sends

  func receive(_ batch: [BridgeWrite]) {
    guard !isClosed else { return }
    for item in batch {
      switch item {
      case .start: resumeIfPossible()
      case .bytes(let bytes):
        unconfirmed += BridgeLink.cost(bytes)
        stream.write(bytes)
      case .flush: stream.flush()
      case .finish: stream.finishWriting()
      case .passedOn(let cost, let bytes):
        inFlight -= cost
        stream.didTake(bytes)
        resumeIfPossible()
      case .lasting: stream.noteLasting()
      case .close(let end): stream.close(end)
      }
    }
    confirm()
  }

  /// Whatever the near end has sent is here by now: while that is little, it has room for more.
  private func confirm() {
    guard unconfirmed >= BridgeLink.worthTellingOut, stream.isWritable, !isClosed else { return }
    link.toNear.post([.confirmed(unconfirmed)])
    unconfirmed = 0
  }

  private func resumeIfPossible() {
    guard !isReading, !isClosed, inFlight < BridgeLink.bytesInFlight else { return }
    isReading = true
    stream.resumeReading()
  }

  // MARK: What the stream tells

  func streamDidRead(_ bytes: ByteBuffer) {
    inFlight += BridgeLink.cost(bytes)
    collected.append(.bytes(bytes))
    if inFlight >= BridgeLink.bytesInFlight, isReading {
      isReading = false
      stream.pauseReading()
    }
  }

  func streamDidCompleteRead() {
    collected.append(.endOfCycle)
    post()
  }

  func streamDidFinishReading() {
    collected.append(.finished)
    post()
  }

  func streamWritabilityChanged(isWritable: Bool) {
    link.toNear.post([.writable(isWritable)])
    confirm()
  }

  func streamDidClose(_ end: StreamEnd) {
    isClosed = true
    link.far.value = nil
    collected.append(.closed(end))
    post()
  }

  private func post() {
    link.toNear.post(collected)
    collected.removeAll(keepingCapacity: true)
  }
}

@available(*, unavailable)
extension BridgeFarEnd: Sendable {}
