import NIOCore
import NIOPosix
import Testing

@testable import Routing

/// A stream that gives out numbered bytes as long as it may, and keeps what it is written.
private final class FakeStream: ByteStream {
  let eventLoop: any EventLoop
  var consumer: (any ByteStreamConsumer)?
  var isWritable = true
  var written: [UInt8] = []
  var flushes = 0
  var isFinished = false
  var closed: StreamEnd?
  var given = 0
  var taken = 0
  var isToldWhatIsTaken = false
  var isReading = false
  let amount: Int
  let piece: Int
  static let chunk = 16 * 1024

  init(eventLoop: any EventLoop, amount: Int, piece: Int = chunk) {
    self.eventLoop = eventLoop
    self.piece = piece
    self.amount = amount
  }

  func write(_ bytes: ByteBuffer) { written += bytes.readableBytesView }
  func didTake(_ count: Int) { taken += count }
  func flush() { flushes += 1 }
  func finishWriting() { isFinished = true }
  func pauseReading() { isReading = false }
  func resumeReading() {
    isReading = true
    schedule()
  }

  private func schedule() {
    let this = NIOLoopBound(self, eventLoop: eventLoop)
    eventLoop.execute { this.value.give() }
  }

  private func give() {
    guard isReading, closed == nil else { return }
    for _ in 0..<3 where isReading && given < amount {
      let count = min(piece, amount - given)
      consumer?.streamDidRead(ByteBuffer(bytes: (given..<given + count).map { UInt8(truncatingIfNeeded: $0) }))
      given += count
    }
    consumer?.streamDidCompleteRead()
    if given == amount {
      isReading = false
      consumer?.streamDidFinishReading()
    } else if isReading {
      schedule()
    }
  }

  func setWritable(_ writable: Bool) {
    isWritable = writable
    consumer?.streamWritabilityChanged(isWritable: writable)
  }

  func close(_ end: StreamEnd) {
    guard closed == nil else { return }
    closed = end
    let last = consumer
    consumer = nil
    last?.streamDidClose(end)
  }
}

private final class Collector: ByteStreamConsumer {
  var received: [UInt8] = []
  var cycles = 0
  var writability: [Bool] = []
  var onRead: (() -> Void)?
  let finished: EventLoopPromise<Int>
  let closed: EventLoopPromise<StreamEnd>

  init(_ loop: any EventLoop) {
    finished = loop.makePromise()
    closed = loop.makePromise()
  }

  func streamDidRead(_ bytes: ByteBuffer) {
    received += bytes.readableBytesView
    onRead?()
  }
  func streamDidCompleteRead() { cycles += 1 }
  func streamDidFinishReading() { finished.succeed(received.count) }
  func streamWritabilityChanged(isWritable: Bool) { writability.append(isWritable) }
  func streamDidClose(_ end: StreamEnd) {
    finished.fail(StreamOpenFailure.gone)
    closed.succeed(end)
  }
}

struct LoopBridgeTests {
  private struct Setup: Sendable {
    let far: NIOLoopBound<FakeStream>
    let near: NIOLoopBound<any ByteStream>
    let collector: NIOLoopBound<Collector>
  }

  private func setUp(amount: Int, piece: Int = FakeStream.chunk) async throws -> Setup {
    let group = MultiThreadedEventLoopGroup.singleton
    let farLoop = group.next()
    var nearLoop = group.next()
    while nearLoop === farLoop { nearLoop = group.next() }
    let loop = nearLoop
    let far = try await farLoop.submit {
      NIOLoopBound(FakeStream(eventLoop: farLoop, amount: amount, piece: piece), eventLoop: farLoop)
    }.get()
    let near = try await farLoop.flatSubmit { LoopBridge.bridge(far.value, to: loop) }.get()
    let collector = try await loop.submit {
      let collector = Collector(loop)
      near.value.consumer = collector
      return NIOLoopBound(collector, eventLoop: loop)
    }.get()
    return Setup(far: far, near: near, collector: collector)
  }

  @Test func bytesArriveInOrderAndTheEndAfterThem() async throws {
    let setup = try await setUp(amount: 2_000_000)
    let count = try await setup.near.eventLoop.flatSubmit {
      setup.near.value.resumeReading()
      return setup.collector.value.finished.futureResult
    }.get()
    #expect(count == 2_000_000)
    let isRight = try await setup.near.eventLoop.submit {
      setup.collector.value.received.enumerated().allSatisfy { $1 == UInt8(truncatingIfNeeded: $0) }
        && setup.collector.value.cycles > 0
    }.get()
    #expect(isRight)
    try await close(setup)
  }

  @Test func aConsumerThatDoesNotReadHoldsTheFarStream() async throws {
    let setup = try await setUp(amount: 10_000_000)
    // Two rounds over both loops: whatever was going to be read ahead has been.
    var before = -1
    var given = 0
    while given != before {
      before = given
      for _ in 0..<20 {
        given = try await setup.far.eventLoop.submit { setup.far.value.given }.get()
        _ = try await setup.near.eventLoop.submit {}.get()
      }
    }
    #expect(given <= BridgeLink.bytesInFlight + 3 * FakeStream.chunk)
    let received = try await setup.near.eventLoop.submit { setup.collector.value.received.count }.get()
    #expect(received == 0)
    try await close(setup)
  }

  /// What is held for one that does not read is bounded in pieces too.
  @Test func singleBytesCountForWhatTheyCostToHold() async throws {
    let setup = try await setUp(amount: 100_000, piece: 1)
    var before = -1
    var given = 0
    while given != before {
      before = given
      for _ in 0..<20 {
        given = try await setup.far.eventLoop.submit { setup.far.value.given }.get()
        _ = try await setup.near.eventLoop.submit {}.get()
      }
    }
    #expect(given > 0 && given <= BridgeLink.bytesInFlight / 128 + 3)
    try await close(setup)
  }

  /// The far stream learns of every byte that was taken, and of none before.
  @Test func takingIsTold() async throws {
    let setup = try await setUp(amount: 1_000_000)
    var given = 0
    while given < BridgeLink.bytesInFlight {
      given = try await setup.far.eventLoop.submit { setup.far.value.given }.get()
    }
    #expect(try await setup.far.eventLoop.submit { setup.far.value.taken }.get() == 0)
    _ = try await setup.near.eventLoop.flatSubmit {
      setup.near.value.resumeReading()
      return setup.collector.value.finished.futureResult
    }.get()
    var taken = 0
    while taken < 1_000_000 { taken = try await setup.far.eventLoop.submit { setup.far.value.taken }.get() }
    #expect(taken == 1_000_000)
    try await close(setup)
  }

  /// A small answer is not worth waking the other loop for: that it was taken goes with the next request.
  @Test func littleThatWasTakenIsToldWithWhatIsSaidNext() async throws {
    let setup = try await setUp(amount: 500_000, piece: 1000)
    try await setup.near.eventLoop.submit {
      setup.collector.value.onRead = { setup.near.value.pauseReading() }
      setup.near.value.resumeReading()
    }.get()
    var received = 0
    while received == 0 {
      received = try await setup.near.eventLoop.submit { setup.collector.value.received.count }.get()
    }
    #expect(received == 1000)
    _ = try await setup.near.eventLoop.submit {}.get()
    #expect(try await setup.far.eventLoop.submit { setup.far.value.taken }.get() == 0)
    try await setup.near.eventLoop.submit {
      setup.near.value.write(ByteBuffer(bytes: [1]))
      setup.near.value.flush()
    }.get()
    let far = try await setup.far.eventLoop.submit { (setup.far.value.taken, setup.far.value.written) }.get()
    #expect(far == (1000, [1]))
    // Whatever was not told before is, at the end.
    _ = try await setup.near.eventLoop.flatSubmit {
      setup.collector.value.onRead = nil
      setup.near.value.resumeReading()
      return setup.collector.value.finished.futureResult
    }.get()
    var taken = 0
    while taken < 500_000 { taken = try await setup.far.eventLoop.submit { setup.far.value.taken }.get() }
    try await close(setup)
  }

  /// What was written may cross with something else that is said before the flush.
  @Test func aFlushCrossesAlsoWhenItsBytesHaveAlready() async throws {
    let setup = try await setUp(amount: 0)
    try await setup.near.eventLoop.submit {
      setup.near.value.write(ByteBuffer(bytes: [1]))
      setup.near.value.noteLasting()
    }.get()
    let before = try await setup.far.eventLoop.submit { (setup.far.value.written, setup.far.value.flushes) }.get()
    #expect(before == ([1], 0))
    try await setup.near.eventLoop.submit {
      setup.near.value.flush()
      setup.near.value.flush()
    }.get()
    #expect(try await setup.far.eventLoop.submit { setup.far.value.flushes }.get() == 1)
    try await close(setup)
  }

  @Test func singleBytesToAStreamThatTakesNoneCountForWhatTheyCost() async throws {
    let setup = try await setUp(amount: 0)
    try await setup.far.eventLoop.submit { setup.far.value.setWritable(false) }.get()
    let written = try await setup.near.eventLoop.submit { () -> Int in
      var count = 0
      while setup.near.value.isWritable, count < 100_000 {
        setup.near.value.write(ByteBuffer(bytes: [1]))
        count += 1
      }
      setup.near.value.flush()
      return count
    }.get()
    #expect(written <= BridgeLink.bytesInFlightOut / 129 + 1)
    try await close(setup)
  }

  @Test func writesCrossInOneHopAndTellWhenToStop() async throws {
    let setup = try await setUp(amount: 0)
    try await setup.far.eventLoop.submit { setup.far.value.setWritable(false) }.get()
    let half = BridgeLink.bytesInFlightOut / 2
    let writable = try await setup.near.eventLoop.submit { () -> [Bool] in
      let stream = setup.near.value
      stream.write(ByteBuffer(repeating: 1, count: half))
      let first = stream.isWritable
      stream.write(ByteBuffer(repeating: 2, count: half))
      stream.flush()
      stream.finishWriting()
      return [first, stream.isWritable]
    }.get()
    #expect(writable[1] == false)
    let arrived = try await setup.far.eventLoop.submit { (setup.far.value.written.count, setup.far.value.isFinished) }
      .get()
    #expect(arrived == (2 * half, true))
    try await setup.far.eventLoop.submit { setup.far.value.setWritable(true) }.get()
    let after = try await setup.near.eventLoop.submit {
      (setup.near.value.isWritable, setup.collector.value.writability.last)
    }.get()
    #expect(after == (true, true))
    try await close(setup)
  }

  @Test func theEndOvertakesWhatNobodyReadsWhenItWasNotInOrder() async throws {
    let setup = try await setUp(amount: 1_000_000)
    try await setup.far.eventLoop.submit { setup.far.value.close(.rightEnded) }.get()
    let end = try await setup.near.eventLoop.flatSubmit { setup.collector.value.closed.futureResult }.get()
    #expect(end == .rightEnded)
  }

  @Test func closingReachesTheStreamAndComesBack() async throws {
    let setup = try await setUp(amount: 0)
    try await close(setup)
    let end = try await setup.far.eventLoop.submit { setup.far.value.closed }.get()
    #expect(end == .reset)
  }

  /// A visitor leaves in the middle of a download whose far side is long done.
  @Test(.timeLimit(.minutes(4))) func closingBehindAnEndThatNobodyHasReadComesBackToo() async throws {
    let setup = try await setUp(amount: 100_000)
    var given = 0
    while given < 100_000 { given = try await setup.far.eventLoop.submit { setup.far.value.given }.get() }
    try await setup.far.eventLoop.submit { setup.far.value.close(.finished) }.get()
    _ = try await setup.near.eventLoop.submit {}.get()
    try await close(setup)
  }

  @Test func onOneLoopThereIsNothingBetween() async throws {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let isSame = try await loop.flatSubmit {
      let stream = FakeStream(eventLoop: loop, amount: 0)
      let bound = NIOLoopBound(stream, eventLoop: loop)
      return LoopBridge.bridge(stream, to: loop).map { $0.value === bound.value }
    }.get()
    #expect(isSame)
  }

  private func close(_ setup: Setup) async throws {
    _ = try await setup.near.eventLoop.flatSubmit {
      setup.near.value.close(.reset)
      return setup.collector.value.closed.futureResult
    }.get()
  }
}

struct OpenStreamsTests {
  @Test func onlyMatchingStreamsDecideAgain() {
    let streams = OpenStreams()
    let first = Counter()
    let second = Counter()
    let id = streams.register(
      OpenStream(
        sessionID: "s1", routeID: RouteID("r"), bindingID: BindingID(1), startedAt: .init(seconds: 0),
        describe: "one", reconsider: { first.increment() }))
    _ = streams.register(
      OpenStream(
        sessionID: "s2", routeID: RouteID("r"), startedAt: .init(seconds: 0), describe: "two",
        reconsider: { second.increment() }))
    streams.reconsider { $0.sessionID == "s1" }
    streams.move(id, to: BindingID(2))
    streams.reconsider { $0.bindingID == BindingID(2) }
    #expect(first.value == 2 && second.value == 0)
    streams.remove(id)
    streams.reconsider { _ in true }
    #expect(first.value == 2 && second.value == 1 && streams.count == 1)
  }
}
