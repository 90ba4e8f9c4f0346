import NIOCore
import Routing

/// Asks a client that forwards dynamically (`ssh -R 0`) to connect to the route's destination: SOCKS 5, no
/// authentication, CONNECT (RFC 1928). Reads not a byte more than its own.
final class SOCKSHandshake: ByteStreamConsumer {
  enum Outcome {
    case connected
    case failed(StreamOpenFailure)
    /// The first answer was something else: the client has a fixed destination.
    case notSOCKS
  }

  private enum Step {
    case method
    case reply
    case done
  }

  /// A service that waits for a whole line before it answers rubbish does not answer ours. A client that speaks SOCKS
  /// does so at once: it is silent when it has answered a later question first.
  private static let answerTime = TimeAmount.seconds(2)
  /// For the client to connect to where it was asked to.
  private static let connectTime = TimeAmount.seconds(10)

  private let stream: ChannelStream
  private let host: String
  private let port: Int
  /// Whether another answer than SOCKS is possible; not once the client has spoken it.
  private let mayBeFixed: Bool
  private var step = Step.method
  private var received = ByteBuffer()
  private var completion: ((Outcome) -> Void)?
  private var timeout: Scheduled<Void>?

  init(stream: ChannelStream, host: String, port: Int, mayBeFixed: Bool) {
    self.stream = stream
    self.host = host
    self.port = port
    self.mayBeFixed = mayBeFixed
  }

  /// `afterRoundTrip` runs its argument when the client has answered a question that is asked at that moment.
  func run(
    afterRoundTrip: @escaping (@escaping () -> Void) -> Void, completion: @escaping (Outcome) -> Void
  ) {
    guard !host.isEmpty, host.utf8.count <= 255, (1...65535).contains(port) else {
      stream.close(.reset)
      return completion(.failed(.wrongForwardKind))
    }
    self.completion = completion
    stream.consumer = self
    stream.write(ByteBuffer(bytes: [5, 1, 0]))
    stream.flush()
    stream.resumeReading()
    self.afterRoundTrip = afterRoundTrip
    arm(Self.answerTime) { $0.isSilent() }
  }

  private var afterRoundTrip: ((@escaping () -> Void) -> Void)?

  private func arm(_ time: TimeAmount, _ action: @escaping @Sendable (SOCKSHandshake) -> Void) {
    let this = NIOLoopBound(self, eventLoop: stream.eventLoop)
    timeout?.cancel()
    timeout = stream.eventLoop.scheduleTask(in: time) { action(this.value) }
  }

  /// Nothing may also mean that the network is slow.
  private func isSilent() {
    arm(Self.connectTime) { $0.finish(.failed(.timedOut)) }
    guard step == .method, mayBeFixed else { return }
    afterRoundTrip? { [weak self] in
      guard let self, step == .method else { return }
      finish(.notSOCKS)
    }
  }

  /// What the end of the stream, or another answer, says before SOCKS was spoken.
  private var unlikeSOCKS: Outcome {
    mayBeFixed ? .notSOCKS : .failed(.refused("the client ended the stream before it was connected"))
  }

  func streamDidRead(_ bytes: ByteBuffer) {
    var bytes = bytes
    received.writeBuffer(&bytes)
    switch step {
    case .method:
      guard received.readableBytes >= 2 || received.getInteger(at: received.readerIndex, as: UInt8.self) != 5 else {
        return
      }
      guard received.readBytes(length: 2) == [5, 0] else { return finish(unlikeSOCKS) }
      step = .reply
      var request = ByteBuffer(bytes: [5, 1, 0])
      Self.writeDestination(host, port, into: &request)
      stream.write(request)
      stream.flush()
    case .reply: break
    case .done: return
    }
    if step == .reply { readReply() }
  }

  private static func writeDestination(_ host: String, _ port: Int, into request: inout ByteBuffer) {
    // Always as a name: clients resolve address literals too.
    request.writeInteger(UInt8(3))
    request.writeInteger(UInt8(truncatingIfNeeded: host.utf8.count))
    request.writeString(host)
    request.writeInteger(UInt16(truncatingIfNeeded: port))
  }

  /// `05 reply 00 type address port`.
  private func readReply() {
    let start = received.readerIndex
    guard let version = received.getInteger(at: start, as: UInt8.self),
      let reply = received.getInteger(at: start + 1, as: UInt8.self)
    else { return }
    guard version == 5, reply == 0 else {
      return finish(.failed(.refused("the client could not connect (SOCKS reply \(reply))")))
    }
    guard let kind = received.getInteger(at: start + 3, as: UInt8.self),
      let first = received.getInteger(at: start + 4, as: UInt8.self)
    else { return }
    let addressLength =
      switch kind {
      case 1: 4
      case 4: 16
      default: 1 + Int(first)
      }
    guard received.readSlice(length: 4 + addressLength + 2) != nil else { return }
    finish(.connected)
  }

  func streamDidCompleteRead() {}

  func streamDidFinishReading() { finish(step == .method ? unlikeSOCKS : .failed(.refused("the client gave up"))) }

  func streamWritabilityChanged(isWritable: Bool) {}

  func streamDidClose(_ end: StreamEnd) {
    switch end {
    case .connectionLost: finish(.failed(.gone))
    case .rightEnded: finish(.failed(.notPermitted))
    case .finished, .reset: finish(step == .method ? unlikeSOCKS : .failed(.refused("the client gave up")))
    }
  }

  private func finish(_ outcome: Outcome) {
    guard step != .done, let completion else { return }
    step = .done
    timeout?.cancel()
    afterRoundTrip = nil
    self.completion = nil
    stream.consumer = nil
    stream.pauseReading()
    if case .connected = outcome { stream.putBack(received) } else { stream.close(.reset) }
    completion(outcome)
  }
}

@available(*, unavailable)
extension SOCKSHandshake: Sendable {}
