import NIOCore

/// A two-way stream of bytes to whatever stands behind a route. Everything that relays is written once against it.
///
/// A stream belongs to one event loop and is used there only. Reading starts paused: bytes flow to the consumer after the
/// first `resumeReading()`.
package protocol ByteStream: AnyObject {
  var eventLoop: any EventLoop { get }

  /// Who is told of what arrives. Held strongly until the stream has closed.
  var consumer: (any ByteStreamConsumer)? { get set }

  /// Whether the writer should go on; `streamWritabilityChanged` tells when that changes. Writes while false are queued.
  var isWritable: Bool { get }

  /// Queues bytes. They leave at the next `flush()`.
  func write(_ bytes: ByteBuffer)
  func flush()

  /// Nothing more will be written (EOF); reading goes on.
  func finishWriting()

  func pauseReading()
  func resumeReading()

  /// Ends both directions. What was written still goes when the end is `finished`, and may be lost otherwise; nothing more
  /// is read. The consumer's `streamDidClose` follows, later on the loop.
  func close(_ end: StreamEnd)

  /// Whether bytes count as taken only when `didTake` says so; else as soon as they are handed over. The far side may send
  /// as much again as was taken.
  var isToldWhatIsTaken: Bool { get set }
  func didTake(_ count: Int)

  /// It turned out to stay open for as long as its visitor likes.
  func noteLasting()

  /// What its TLS agreed to carry (ALPN); nil where nothing was agreed.
  var applicationProtocol: String? { get }
}

extension ByteStream {
  package var isToldWhatIsTaken: Bool {
    get { false }
    set {}
  }
  package func didTake(_ count: Int) {}
  package func noteLasting() {}
  package var applicationProtocol: String? { nil }
}

/// The other side of a `ByteStream`; called on its event loop.
package protocol ByteStreamConsumer: AnyObject {
  func streamDidRead(_ bytes: ByteBuffer)
  /// The bytes of one read cycle have all been delivered: the moment to flush what they led to.
  func streamDidCompleteRead()
  /// The far side will send no more; writing to it is still possible.
  func streamDidFinishReading()
  func streamWritabilityChanged(isWritable: Bool)
  /// The last call.
  func streamDidClose(_ end: StreamEnd)
}

/// Why a stream ended.
package enum StreamEnd: Sendable, Equatable {
  /// Both directions were finished in order.
  case finished
  /// The far side, or we, gave up in the middle.
  case reset
  /// The connection below was lost.
  case connectionLost
  /// The right to it ended (policy, session, detach).
  case rightEnded
}
