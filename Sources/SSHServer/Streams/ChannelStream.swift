import NIOCore
import Routing
import SSHProtocol

/// A forwarded channel as a `ByteStream`. Lives on the connection's loop.
///
/// Window credit goes back to the client only for bytes the consumer took: not resuming is the back-pressure.
final class ChannelStream: ByteStream {
  let eventLoop: any EventLoop
  var consumer: (any ByteStreamConsumer)?

  let id: ChannelID
  /// The tunnel it belongs to; a detach ends it.
  let bindingID: BindingID
  private let counters: BindingCounters
  /// Gone once the channel has ended.
  private var connection: (any ChannelHost)?
  private var arrived = CircularBuffer<ByteBuffer>()
  private var isReading = false
  private var isDelivering = false
  private var hasFarEnd = false
  private var hasUnfinishedCycle = false
  private var ending: StreamEnd?
  var isToldWhatIsTaken = false
  /// Received, and not yet taken by whoever reads.
  private var held = 0
  /// Taken already, and put back: no credit is due for it again.
  private var putBackBytes = 0
  /// What is held after the channel's end is no longer in its window; it is counted here.
  private var memory: WindowMemory?
  /// In the connection's list of those that were read for in this cycle.
  var isTouched = false

  init(id: ChannelID, bindingID: BindingID, counters: BindingCounters, host: any ChannelHost) {
    self.id = id
    self.bindingID = bindingID
    self.counters = counters
    connection = host
    eventLoop = host.eventLoop
    counters.streamOpened()
  }

  deinit { memory?.release(held) }

  var isWritable: Bool { connection?.isChannelWritable(id) ?? false }

  func write(_ bytes: ByteBuffer) {
    guard let connection, bytes.readableBytes > 0 else { return }
    counters.sent(bytes.readableBytes)
    let wasWritable = connection.isChannelWritable(id)
    connection.write(bytes, to: id)
    if wasWritable, !connection.isChannelWritable(id) { consumer?.streamWritabilityChanged(isWritable: false) }
  }

  func flush() { connection?.setNeedsFlush() }

  func finishWriting() {
    connection?.finishWriting(id)
    connection?.setNeedsFlush()
  }

  func pauseReading() { isReading = false }

  func resumeReading() {
    guard !isReading else { return }
    isReading = true
    guard !isDelivering, !arrived.isEmpty || hasFarEnd || ending != nil else { return }
    deliverSoon()
  }

  func close(_ end: StreamEnd) {
    // Nobody reads on: the end must not wait for what was not delivered.
    dropHeld()
    hasFarEnd = false
    guard let connection else { return deliverSoon() }
    // In order: what was written still goes, for half a minute at most.
    connection.closeChannel(id, end == .finished ? .afterQueued : .now)
    connection.setNeedsFlush()
    didEnd(end)
  }

  // MARK: What the connection tells

  /// Nobody takes what still comes.
  var hasEnded: Bool { ending != nil }

  func didReceive(_ bytes: ByteBuffer) {
    counters.received(bytes.readableBytes)
    held += bytes.readableBytes
    guard isReading, arrived.isEmpty, !isDelivering else {
      keep(bytes)
      return
    }
    pass(bytes)
  }

  /// Waits for the consumer. Small pieces are put together: one byte must not hold the whole read it came in.
  private func keep(_ bytes: ByteBuffer) {
    guard bytes.readableBytes < Self.smallPiece else { return arrived.append(bytes.withoutWaste) }
    // Only the count is looked at before: a second reference would make each addition a copy of the whole.
    let waiting = arrived.last?.readableBytes ?? Self.smallPiece
    if waiting + bytes.readableBytes <= Self.smallPiece {
      var gathered = arrived.removeLast()
      gathered.writeImmutableBuffer(bytes)
      arrived.append(gathered)
    } else {
      arrived.append(ByteBuffer(bytes: bytes.readableBytesView))
    }
  }

  private static let smallPiece = 16 * 1024

  /// Bytes that were read too far, for the next consumer.
  func putBack(_ bytes: ByteBuffer) {
    guard bytes.readableBytes > 0 else { return }
    putBackBytes += bytes.readableBytes
    arrived.prepend(bytes)
  }

  /// The consumer has passed so much on: the client may send as much again.
  func didTake(_ count: Int) {
    let known = min(putBackBytes, count)
    putBackBytes -= known
    let taken = min(count - known, held)
    guard taken > 0 else { return }
    held -= taken
    if let connection {
      connection.consumed(taken, from: id)
    } else {
      memory?.release(taken)
    }
  }

  func noteLasting() { connection?.noteLasting(id) }

  private func dropHeld() {
    arrived.removeAll()
    memory?.release(held)
    memory = nil
    held = 0
    putBackBytes = 0
  }

  func didCompleteRead() {
    isTouched = false
    guard hasUnfinishedCycle else { return }
    hasUnfinishedCycle = false
    consumer?.streamDidCompleteRead()
  }

  func didFinish() {
    hasFarEnd = true
    if isReading { deliverWaiting() }
  }

  func didBecomeWritable() { consumer?.streamWritabilityChanged(isWritable: true) }

  /// The channel is over. In-order ends wait for what was not yet delivered.
  func didEnd(_ end: StreamEnd) {
    guard ending == nil else { return }
    ending = end
    if held > 0 {
      memory = connection?.windowMemory
      memory?.add(held)
    }
    connection = nil
    counters.streamClosed()
    switch end {
    case .finished, .connectionLost: break
    case .reset, .rightEnded: dropHeld()
    }
    deliverSoon()
  }

  /// Never from within the caller's own call.
  private func deliverSoon() {
    let this = NIOLoopBound(self, eventLoop: eventLoop)
    eventLoop.execute { this.value.deliverWaiting() }
  }

  private func pass(_ bytes: ByteBuffer) {
    hasUnfinishedCycle = true
    if !isToldWhatIsTaken { didTake(bytes.readableBytes) }
    consumer?.streamDidRead(bytes)
  }

  private func deliverWaiting() {
    guard !isDelivering else { return }
    isDelivering = true
    while isReading, let bytes = arrived.popFirst() { pass(bytes) }
    didCompleteRead()
    if arrived.isEmpty, hasFarEnd, isReading || ending == .finished {
      hasFarEnd = false
      consumer?.streamDidFinishReading()
    }
    isDelivering = false
    if arrived.isEmpty, let ending, let last = consumer {
      consumer = nil
      last.streamDidClose(ending)
    }
    connection?.setNeedsFlush()
  }
}

@available(*, unavailable)
extension ChannelStream: Sendable {}

extension StreamEnd {
  /// CLOSE without EOF is how Go's clients end in order: what came before it still counts, and whether a response is whole
  /// is for its framing to say (ssh.md section 3.6).
  init(_ end: ChannelEnd) {
    switch end {
    case .finished, .reset: self = .finished
    case .connectionLost: self = .connectionLost
    }
  }
}

/// What a channel needs of its connection.
protocol ChannelHost: AnyObject {
  var eventLoop: any EventLoop { get }
  func isChannelWritable(_ id: ChannelID) -> Bool
  func write(_ bytes: ByteBuffer, to id: ChannelID)
  func finishWriting(_ id: ChannelID)
  /// Credit that comes of it leaves by itself.
  func consumed(_ count: Int, from id: ChannelID)
  func closeChannel(_ id: ChannelID, _ how: ChannelClosing)
  func noteLasting(_ id: ChannelID)
  /// What all channels of all connections may hold.
  var windowMemory: WindowMemory { get }
  /// Seals and writes what was queued, once, after the present work.
  func setNeedsFlush()
}
