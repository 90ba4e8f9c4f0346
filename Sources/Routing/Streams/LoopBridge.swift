import NIOCore

/// A `ByteStream` of another event loop, presented on mine.
///
/// ```
///   my loop                                   the stream's loop
///   consumer ◀── LoopBridge ◀── mailbox ◀── BridgeFarEnd ◀── stream
///                LoopBridge ──▶ mailbox ──▶ BridgeFarEnd ──▶ stream
/// ```
/// What one loop does in a read cycle is collected in a mailbox and carried over in one hop. Both directions are
/// bounded: each side counts the bytes it has sent across and the other has not yet passed on.
package final class LoopBridge: ByteStream {
  package let eventLoop: any EventLoop
  package var consumer: (any ByteStreamConsumer)?

  private let link: BridgeLink
  private let toFarEnd: BridgeMailbox<BridgeWrite>
  private var collected: [BridgeWrite] = []
  /// Bytes were written, and have perhaps crossed already with something else.
  private var hasUnflushed = false
  private var unconfirmed = 0
  private var farEndIsWritable = true
  private var wasWritable = true
  private var arrived = CircularBuffer<BridgeRead>()
  private var passedOn = (cost: 0, bytes: 0)
  private var isReading = false
  /// Nothing more will be read that could tell of the rest.
  private var hasFinished = false
  private var isDelivering = false
  /// We asked for the end; nothing more is delivered but the end itself.
  private var isClosing = false
  private var isClosed = false

  /// Presents `stream` on `eventLoop`; called on the stream's own loop. Where the loops are the same there is nothing
  /// between.
  package static func bridge(_ stream: any ByteStream, to eventLoop: any EventLoop)
    -> EventLoopFuture<NIOLoopBound<any ByteStream>>
  {
    if stream.eventLoop === eventLoop {
      return eventLoop.makeSucceededFuture(NIOLoopBound(stream, eventLoop: eventLoop))
    }
    let link = BridgeLink(near: eventLoop, far: stream.eventLoop)
    let farEnd = BridgeFarEnd(stream: stream, link: link)
    return eventLoop.submit {
      let bridge = LoopBridge(link: link, eventLoop: eventLoop)
      link.near.value = bridge
      // Only now can the far end deliver: what it reads finds its way here.
      link.toFar.post([.start])
      return NIOLoopBound(bridge as any ByteStream, eventLoop: eventLoop)
    }.cascadingFailure(to: farEnd)
  }

  fileprivate init(link: BridgeLink, eventLoop: any EventLoop) {
    self.link = link
    self.eventLoop = eventLoop
    toFarEnd = link.toFar
  }

  package var isWritable: Bool { farEndIsWritable && unconfirmed < BridgeLink.bytesInFlightOut }

  package func write(_ bytes: ByteBuffer) {
    guard !isClosing, !isClosed, bytes.readableBytes > 0 else { return }
    unconfirmed += BridgeLink.cost(bytes)
    collected.append(.bytes(bytes))
    hasUnflushed = true
    noteWritability()
  }

  package func flush() {
    guard hasUnflushed else { return }
    hasUnflushed = false
    collected.append(.flush)
    post()
  }

  package func finishWriting() {
    guard !isClosing, !isClosed else { return }
    collected.append(.finish)
    post()
  }

  package func pauseReading() { isReading = false }

  package func resumeReading() {
    guard !isReading else { return }
    isReading = true
    // Never from within the consumer's own call.
    if !arrived.isEmpty, !isDelivering {
      let this = NIOLoopBound(self, eventLoop: eventLoop)
      eventLoop.execute { this.value.deliver() }
    }
  }

  package func noteLasting() {
    collected.append(.lasting)
    post()
  }

  package func close(_ end: StreamEnd) {
    guard !isClosing, !isClosed else { return }
    isClosing = true
    // The far end may be over already, and its last word wait behind bytes that nobody wants any more.
    if let last = arrived.last, case .closed = last {
      arrived.removeAll()
      arrived.append(last)
      let this = NIOLoopBound(self, eventLoop: eventLoop)
      eventLoop.execute { this.value.deliver() }
      return
    }
    arrived.removeAll()
    collected.append(.close(end))
    post()
  }

  private func post() {
    if passedOn.cost > 0 {
      collected.append(.passedOn(cost: passedOn.cost, bytes: passedOn.bytes))
      passedOn = (0, 0)
    }
    toFarEnd.post(collected)
    collected.removeAll(keepingCapacity: true)
  }

  // MARK: What the far end sends

  func receive(_ batch: [BridgeRead]) {
    for item in batch {
      switch item {
      case .confirmed(let count): unconfirmed -= count
      case .writable(let isWritable): farEndIsWritable = isWritable
      case .closed(.reset), .closed(.rightEnded):
        // The end overtakes what was not yet delivered.
        arrived.removeAll()
        arrived.append(item)
      case .closed: arrived.append(item)
      case .bytes(let bytes):
        // What has to wait must not hold the whole read it came in.
        if !isClosing { arrived.append(isReading ? item : .bytes(bytes.withoutWaste)) }
      case .endOfCycle, .finished: if !isClosing { arrived.append(item) }
      }
    }
    deliver()
    noteWritability()
  }

  private func deliver() {
    guard !isDelivering else { return }
    isDelivering = true
    while let item = arrived.first {
      if case .closed(let end) = item {
        arrived.removeAll()
        didClose(end)
        break
      }
      guard isReading else { break }
      arrived.removeFirst()
      switch item {
      case .bytes(let bytes):
        passedOn.cost += BridgeLink.cost(bytes)
        passedOn.bytes += bytes.readableBytes
        consumer?.streamDidRead(bytes)
      case .endOfCycle: consumer?.streamDidCompleteRead()
      case .finished:
        hasFinished = true
        consumer?.streamDidFinishReading()
      case .closed, .confirmed, .writable: break
      }
    }
    isDelivering = false
    if !isClosed, passedOn.cost >= BridgeLink.worthTelling || (hasFinished && passedOn.cost > 0) { post() }
  }

  private func noteWritability() {
    let isWritable = isWritable
    guard isWritable != wasWritable, !isClosed else { return }
    wasWritable = isWritable
    consumer?.streamWritabilityChanged(isWritable: isWritable)
  }

  private func didClose(_ end: StreamEnd) {
    guard !isClosed else { return }
    isClosed = true
    link.near.value = nil
    let last = consumer
    consumer = nil
    last?.streamDidClose(end)
  }
}

@available(*, unavailable)
extension LoopBridge: Sendable {}

extension ByteBuffer {
  /// The same bytes in storage of their own where they would keep much more than themselves from being freed.
  package var withoutWaste: ByteBuffer {
    readableBytes >= storageCapacity / 4 * 3 ? self : ByteBuffer(bytes: readableBytesView)
  }
}

extension EventLoopFuture {
  /// If the other loop is gone (shutdown), the stream must not stay open unseen.
  fileprivate func cascadingFailure(to farEnd: BridgeFarEnd) -> EventLoopFuture<Value> {
    let bound = NIOLoopBound(farEnd, eventLoop: farEnd.stream.eventLoop)
    whenFailure { _ in bound.eventLoop.execute { bound.value.stream.close(.reset) } }
    return self
  }
}
