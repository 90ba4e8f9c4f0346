import NIOCore
import PlainText
import Routing

/// One check on its way, on one loop: opens a stream, asks, and tells the outcome once.
final class HealthProbe: ByteStreamConsumer {
  private var dialog: HealthDialog
  private var stream: (any ByteStream)?
  private let claim = StreamClaim()
  private var timeout: Scheduled<Void>?
  private var done: ((HealthMachine.Outcome?) -> Void)?

  /// `done` is told `nil` where nothing can be said: the tunnel is gone, or has no place for another stream.
  init(_ dialog: HealthDialog, done: @escaping (HealthMachine.Outcome?) -> Void) {
    self.dialog = dialog
    self.done = done
  }

  func start(through opener: any StreamOpener, to target: RouteTarget?, timeout: Int64, on eventLoop: any EventLoop) {
    self.timeout = eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(timeout)) {
      self.end(.failed("it does not answer within \(timeout) ms", isDefinite: false))
    }
    var request = StreamRequest(
      originatorAddress: "127.0.0.1", originatorPort: 0, destinationHost: target?.host ?? "localhost",
      destinationPort: target?.port ?? 80)
    request.claim = claim
    opener.open(request, on: eventLoop).assumeIsolated().whenComplete { result in
      switch result {
      case .success(let stream): self.opened(stream.value)
      case .failure(let error): self.end(Self.outcome(of: error))
      }
    }
  }

  private func opened(_ stream: any ByteStream) {
    guard done != nil else {
      stream.close(.reset)
      return
    }
    self.stream = stream
    stream.consumer = self
    if let outcome = dialog.outcomeOfOpening {
      send()
      return end(outcome)
    }
    stream.resumeReading()
    send()
  }

  static func outcome(of error: any Error) -> HealthMachine.Outcome? {
    switch error as? StreamOpenFailure {
    case .gone, .outOfResources, .notPermitted: nil
    case .refused(let why)?:
      .failed(
        why.isEmpty ? "it refuses connections" : "it refuses connections: \(why.printable(limit: 200))",
        isDefinite: false)
    case .timedOut: .failed("it cannot be connected to in time", isDefinite: false)
    case .untrusted(let why)?: .failed("TLS: \(why.printable(limit: 200))", isDefinite: false)
    case .unusable(let why)?: .failed(why, isDefinite: false)
    case .wrongForwardKind:
      .failed("the tunnel's client connects to another place than was asked for", isDefinite: false)
    case nil: .failed("it cannot be connected to", isDefinite: false)
    }
  }

  private func send() {
    while let bytes = dialog.takeOutbound() { stream?.write(bytes) }
    stream?.flush()
  }

  /// Gives it up; nobody is told.
  func cancel() {
    done = nil
    end(nil)
  }

  private func end(_ outcome: HealthMachine.Outcome?) {
    timeout?.cancel()
    timeout = nil
    claim.withdraw()
    // First of all: closing may tell of the end at once.
    let done = self.done
    self.done = nil
    let stream = self.stream
    self.stream = nil
    stream?.close(outcome == .passed ? .finished : .reset)
    done?(outcome)
  }

  // MARK: ByteStreamConsumer

  func streamDidRead(_ bytes: ByteBuffer) {
    guard done != nil else { return }
    let outcome = dialog.receive(bytes, at: NIODeadline.now().uptimeNanoseconds)
    send()
    if let outcome { end(outcome) }
  }

  func streamDidCompleteRead() {}

  func streamDidFinishReading() {
    if done != nil { end(dialog.finish()) }
  }

  func streamWritabilityChanged(isWritable: Bool) {}

  func streamDidClose(_ end: StreamEnd) {
    guard done != nil else { return }
    stream = nil
    // A tunnel that goes says nothing about the service.
    self.end(end == .connectionLost || end == .rightEnded ? nil : dialog.finish())
  }
}

@available(*, unavailable)
extension HealthProbe: Sendable {}
