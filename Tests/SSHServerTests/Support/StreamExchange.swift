import NIOCore
import NIOPosix
import Routing

/// Sends a known number of bytes through a stream to an echo, reads until its end, and compares.
final class StreamExchange: ByteStreamConsumer {
  struct Outcome: Sendable {
    /// Everything came back, and nothing else.
    let isEchoed: Bool
    let count: Int
    let end: StreamEnd?
  }

  private let stream: any ByteStream
  private let amount: Int
  private let finishes: Bool
  private var written = 0
  private var count = 0
  /// What was sent and has not come back.
  private var awaited = ByteBuffer()
  private var isFaithful = true
  private var random: UInt64 = 88_172_645_463_325_252
  private let done: EventLoopPromise<Outcome>

  private init(_ stream: any ByteStream, amount: Int, finishes: Bool) {
    self.stream = stream
    self.amount = amount
    self.finishes = finishes
    done = stream.eventLoop.makePromise()
  }

  /// Opens a stream of the binding on another loop than its own and runs to the end.
  static func run(_ binding: Binding, amount: Int, destination: (String, Int) = ("localhost", 80)) async throws
    -> Outcome
  {
    try await start(binding, amount: amount, finishes: true, destination: destination).result.get()
  }

  struct Running: Sendable {
    let stream: NIOLoopBound<any ByteStream>
    let result: EventLoopFuture<Outcome>
  }

  /// Opens a stream that stays open after its bytes.
  static func start(
    _ binding: Binding, amount: Int, finishes: Bool = false, destination: (String, Int) = ("localhost", 80)
  ) async throws -> Running {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let request = StreamRequest(
      originatorAddress: "192.0.2.9", originatorPort: 4711, destinationHost: destination.0,
      destinationPort: destination.1)
    return try await binding.opener.open(request, on: loop).map { bound in
      let exchange = StreamExchange(bound.value, amount: amount, finishes: finishes)
      bound.value.consumer = exchange
      exchange.writeMore()
      bound.value.resumeReading()
      return Running(stream: bound, result: exchange.done.futureResult)
    }.get()
  }

  private func writeMore() {
    while written < amount, stream.isWritable {
      var chunk = ByteBuffer()
      let size = min(16 * 1024, amount - written)
      for _ in 0..<(size + 7) / 8 {
        random ^= random << 13
        random ^= random >> 7
        random ^= random << 17
        chunk.writeInteger(random)
      }
      chunk.moveWriterIndex(to: chunk.readerIndex + size)
      awaited.writeImmutableBuffer(chunk)
      stream.write(chunk)
      written += size
      if written == amount, finishes { stream.finishWriting() }
    }
    stream.flush()
  }

  func streamDidRead(_ bytes: ByteBuffer) {
    count += bytes.readableBytes
    if awaited.readSlice(length: bytes.readableBytes) != bytes { isFaithful = false }
    if awaited.readerIndex >= awaited.readableBytes { awaited.discardReadBytes() }
  }
  func streamDidCompleteRead() {}
  func streamDidFinishReading() { stream.close(.finished) }
  func streamWritabilityChanged(isWritable: Bool) { if isWritable { writeMore() } }
  func streamDidClose(_ end: StreamEnd) {
    done.succeed(Outcome(isEchoed: isFaithful && count == amount, count: count, end: end))
  }
}
