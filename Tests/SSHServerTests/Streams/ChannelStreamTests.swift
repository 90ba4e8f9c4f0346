import NIOCore
import NIOPosix
import Routing
import Testing

@testable import SSHProtocol
@testable import SSHServer

/// Contracts of `ByteStream` that a channel must keep whatever its consumer does.
struct ChannelStreamTests {
  private final class Host: ChannelHost {
    let eventLoop: any EventLoop
    var closed: [ChannelClosing] = []

    init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    func isChannelWritable(_ id: ChannelID) -> Bool { true }
    func write(_ bytes: ByteBuffer, to id: ChannelID) {}
    func finishWriting(_ id: ChannelID) {}
    var credited = 0
    let windowMemory = WindowMemory(limit: 1 << 20)
    func consumed(_ count: Int, from id: ChannelID) { credited += count }
    func noteLasting(_ id: ChannelID) {}
    func closeChannel(_ id: ChannelID, _ how: ChannelClosing) { closed.append(how) }
    func setNeedsFlush() {}
  }

  private final class Consumer: ByteStreamConsumer {
    let closed: EventLoopPromise<StreamEnd>
    var pieces: [[UInt8]] = []
    init(_ loop: any EventLoop) { closed = loop.makePromise() }

    func streamDidRead(_ bytes: ByteBuffer) { pieces.append(Array(bytes.readableBytesView)) }
    func streamDidCompleteRead() {}
    func streamDidFinishReading() {}
    func streamWritabilityChanged(isWritable: Bool) {}
    func streamDidClose(_ end: StreamEnd) { closed.succeed(end) }
  }

  private func stream(_ loop: any EventLoop) -> (ChannelStream, EventLoopFuture<StreamEnd>) {
    let stream = ChannelStream(
      id: ChannelID(number: 0, generation: 1), bindingID: BindingID(1), counters: BindingCounters(), host: Host(loop))
    let consumer = Consumer(loop)
    stream.consumer = consumer
    stream.didReceive(ByteBuffer(string: "bytes that nobody reads"))
    return (stream, consumer.closed.futureResult)
  }

  /// A visitor leaves in the middle of a response that has arrived whole.
  @Test(.timeLimit(.minutes(4)), arguments: [StreamEnd.finished, .connectionLost])
  func closingAfterTheChannelEndedTellsTheConsumer(_ end: StreamEnd) async throws {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let told = try await loop.flatSubmit {
      let (stream, closed) = stream(loop)
      stream.didFinish()
      stream.didEnd(end)
      stream.close(.reset)
      return closed
    }.get()
    #expect(told == end)
  }

  @Test(.timeLimit(.minutes(4)), arguments: [ChannelEnd.finished, .reset])
  func whatCameBeforeTheCloseIsDelivered(_ end: ChannelEnd) async throws {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let (told, pieces) = try await loop.flatSubmit { () -> EventLoopFuture<(StreamEnd, [[UInt8]])> in
      let stream = ChannelStream(
        id: ChannelID(number: 0, generation: 1), bindingID: BindingID(1), counters: BindingCounters(), host: Host(loop))
      let consumer = Consumer(loop)
      stream.consumer = consumer
      stream.didReceive(ByteBuffer(bytes: [1, 2, 3]))
      stream.didEnd(StreamEnd(end))
      let slow = NIOLoopBound(stream, eventLoop: loop)
      _ = loop.scheduleTask(in: .milliseconds(20)) { slow.value.resumeReading() }
      let bound = NIOLoopBound(consumer, eventLoop: loop)
      return consumer.closed.futureResult.map { ($0, bound.value.pieces) }
    }.get()
    #expect(told == .finished)
    #expect(pieces == [[1, 2, 3]])
  }

  /// A publisher that sends byte by byte to a visitor who does not read must not fill the memory with pieces.
  @Test func smallPiecesThatWaitArePutTogether() async throws {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let (end, pieces) = try await loop.flatSubmit { () -> EventLoopFuture<(StreamEnd, [[UInt8]])> in
      let stream = ChannelStream(
        id: ChannelID(number: 0, generation: 1), bindingID: BindingID(1), counters: BindingCounters(), host: Host(loop))
      let consumer = Consumer(loop)
      stream.consumer = consumer
      for number in 0..<40_000 { stream.didReceive(ByteBuffer(bytes: [UInt8(truncatingIfNeeded: number)])) }
      stream.didReceive(ByteBuffer(bytes: [UInt8](repeating: 1, count: 20_000)))
      stream.didReceive(ByteBuffer(bytes: [2]))
      stream.resumeReading()
      stream.didFinish()
      stream.didEnd(.finished)
      let bound = NIOLoopBound(consumer, eventLoop: loop)
      return consumer.closed.futureResult.map { ($0, bound.value.pieces) }
    }.get()
    #expect(end == .finished)
    #expect(pieces.count == 5)
    let whole = (0..<40_000).map { UInt8(truncatingIfNeeded: $0) } + [UInt8](repeating: 1, count: 20_000) + [2]
    #expect(pieces.flatMap { $0 } == whole)
  }

  @Test(.timeLimit(.minutes(4))) func closingInOrderDoesNotWaitForWhatNobodyReads() async throws {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let told = try await loop.flatSubmit {
      let (stream, closed) = stream(loop)
      stream.close(.finished)
      return closed
    }.get()
    #expect(told == .finished)
  }

  /// Credit is for what was taken: at once, or when the taker says so; never twice, and not lost with the channel.
  @Test func creditIsForWhatWasTaken() async throws {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    try await loop.submit {
      let host = Host(loop)
      let stream = ChannelStream(
        id: ChannelID(number: 0, generation: 1), bindingID: BindingID(1), counters: BindingCounters(), host: host)
      let consumer = Consumer(loop)
      stream.consumer = consumer
      stream.resumeReading()
      stream.didReceive(ByteBuffer(repeating: 1, count: 1000))
      #expect(host.credited == 1000)
      stream.putBack(ByteBuffer(repeating: 1, count: 200))
      stream.isToldWhatIsTaken = true
      stream.didReceive(ByteBuffer(repeating: 2, count: 5000))
      #expect(host.credited == 1000)
      // The 200 were paid for.
      stream.didTake(1200)
      #expect(host.credited == 2000)
      stream.didTake(1_000_000)
      #expect(host.credited == 6000)
      stream.didReceive(ByteBuffer(repeating: 3, count: 3000))
      // What is held after the end is no longer in any window, and counted all the same.
      stream.didEnd(.finished)
      #expect(host.windowMemory.reserved == 3000)
      stream.didTake(1000)
      #expect(host.windowMemory.reserved == 2000)
      stream.close(.reset)
      #expect(host.windowMemory.reserved == 0)
      consumer.closed.succeed(.reset)
    }.get()
  }

  @Test func whatIsHeldByAStreamThatIsForgottenIsGivenBack() async throws {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let memory = try await loop.submit { () -> WindowMemory in
      let host = Host(loop)
      let stream = ChannelStream(
        id: ChannelID(number: 0, generation: 1), bindingID: BindingID(1), counters: BindingCounters(), host: host)
      stream.didReceive(ByteBuffer(repeating: 1, count: 1000))
      stream.didEnd(.finished)
      #expect(host.windowMemory.reserved == 1000)
      return host.windowMemory
    }.get()
    // The loop held it for the end that it owed.
    try await loop.submit {}.get()
    try await loop.submit {}.get()
    #expect(memory.reserved == 0)
  }

  /// A slice of a read that is shared with other channels must not hold all of it while it waits.
  @Test func whatWaitsHoldsLittleMoreThanItself() {
    let read = ByteBuffer(repeating: 1, count: 65_536)
    guard let small = read.getSlice(at: 100, length: 20_000), let large = read.getSlice(at: 0, length: 60_000) else {
      return
    }
    #expect(small.withoutWaste == small)
    #expect(small.withoutWaste.storageCapacity < 40_000)
    #expect(large.withoutWaste.storageCapacity == read.storageCapacity)
  }
}
