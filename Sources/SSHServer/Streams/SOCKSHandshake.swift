import NIOCore
import Routing

/// Asks a client that forwards dynamically (`ssh -R 0`) to connect to the route's destination: SOCKS 5, no
/// authentication, CONNECT (RFC 1928). Reads not a byte more than its own.
final class SOCKSHandshake: ByteStreamConsumer {
  enum Outcome {
    case connected
    case failed(StreamOpenFailure)
    /// The first answer was something else, or none: the client has a fixed destination.
    case notSOCKS
  }

  private enum Step {
    case method
    case reply
    case done
  }

  /// A service that waits for a whole line before it answers rubbish does not answer ours.
  private static let answerTime = TimeAmount.seconds(2)

  private let stream: ChannelStream
  private let host: String
  private let port: Int
  private var step = Step.method
  private var received = ByteBuffer()
  private var completion: ((Outcome) -> Void)?
  private var timeout: Scheduled<Void>?

  init(stream: ChannelStream, host: String, port: Int) {
    self.stream = stream
    self.host = host
    self.port = port
  }

  func run(_ completion: @escaping (Outcome) -> Void) {
    guard !host.isEmpty, host.utf8.count <= 255, (1...65535).contains(port) else {
      stream.close(.reset)
      return completion(.failed(.wrongForwardKind))
    }
    self.completion = completion
    stream.consumer = self
    stream.write(ByteBuffer(bytes: [5, 1, 0]))
    stream.flush()
    stream.resumeReading()
    let this = NIOLoopBound(self, eventLoop: stream.eventLoop)
    timeout = stream.eventLoop.scheduleTask(in: Self.answerTime) { this.value.timedOut() }
  }

  private func timedOut() {
    // Once it has spoken SOCKS the connection itself may take its time.
    if step == .method { finish(.notSOCKS) }
  }

  func streamDidRead(_ bytes: ByteBuffer) {
    var bytes = bytes
    received.writeBuffer(&bytes)
    switch step {
    case .method:
      guard received.readableBytes >= 2 || received.getInteger(at: received.readerIndex, as: UInt8.self) != 5 else {
        return
      }
      guard received.readBytes(length: 2) == [5, 0] else { return finish(.notSOCKS) }
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

  func streamDidFinishReading() { finish(step == .method ? .notSOCKS : .failed(.refused("the client gave up"))) }

  func streamWritabilityChanged(isWritable: Bool) {}

  func streamDidClose(_ end: StreamEnd) {
    switch end {
    case .connectionLost: finish(.failed(.gone))
    case .rightEnded: finish(.failed(.notPermitted))
    case .finished, .reset: finish(step == .method ? .notSOCKS : .failed(.refused("the client gave up")))
    }
  }

  private func finish(_ outcome: Outcome) {
    guard step != .done, let completion else { return }
    step = .done
    timeout?.cancel()
    self.completion = nil
    stream.consumer = nil
    stream.pauseReading()
    if case .connected = outcome { stream.putBack(received) } else { stream.close(.reset) }
    completion(outcome)
  }
}

@available(*, unavailable)
extension SOCKSHandshake: Sendable {}
