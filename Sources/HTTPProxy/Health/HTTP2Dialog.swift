import HTTPWire
import NIOCore

/// A health check over HTTP/2: one request on a connection of its own.
struct HTTP2Dialog {
  enum Question {
    case statuses([Range<Int>])
    /// grpc.health.v1.Health/Check; an empty name asks about the whole server.
    case grpc(service: String)
  }

  private let question: Question
  private let head: RequestHead
  private let scheme: String
  private var connection = HTTP2Connection(role: .client, limits: .service) { "" }
  private var id: UInt32?
  private var answer = ByteBuffer()
  /// The status of a gRPC answer is its trailers' word; this is how large its message may be.
  static let largestMessage = 4096

  init(path: String, authority: String, scheme: String, _ question: Question) {
    self.question = question
    self.scheme = scheme
    var fields: [(String, String)] = [("user-agent", HealthDialog.userAgent)]
    var method = RequestMethod.get
    if case .grpc = question {
      method = .post
      fields += [("content-type", "application/grpc"), ("te", "trailers")]
    }
    head = RequestHead(
      method: method, target: path, version: .http2, headers: HeaderList(fields),
      authority: Authority(Array(authority.utf8)))
  }

  mutating func takeOutbound() -> ByteBuffer? { connection.takeOutbound() }

  mutating func receive(_ bytes: ByteBuffer, at now: UInt64) -> HealthMachine.Outcome? {
    do throws(HTTP2Error) {
      try connection.receive(bytes, at: now)
    } catch {
      return .failed("it does not speak HTTP/2 as it should", isDefinite: false)
    }
    while let event = connection.nextEvent() {
      if let outcome = take(event) { return outcome }
    }
    return nil
  }

  private mutating func take(_ event: HTTP2Event) -> HealthMachine.Outcome? {
    switch event {
    case .settings:
      ask()
      return nil
    case .response(_, let head, let endsStream):
      guard !head.isInterim else { return nil }
      switch question {
      case .statuses(let expected): return HealthDialog.outcome(head.status, expected)
      case .grpc:
        guard head.status == 200 else {
          return .failed("it answers with status \(head.status)", isDefinite: true)
        }
        // A head that is all there is carries what trailers would.
        return endsStream ? grpcOutcome(head.headers) : nil
      }
    case .body(let id, let bytes):
      connection.consumed(bytes.readableBytes, of: id)
      answer.writeImmutableBuffer(bytes)
      return answer.readableBytes > Self.largestMessage
        ? .failed("its answer is no answer to a health check", isDefinite: false) : nil
    case .trailers(_, let trailers): return grpcOutcome(trailers)
    case .end: return .failed("its answer has no grpc-status", isDefinite: false)
    case .reset, .goAway: return .failed("it broke off", isDefinite: false)
    case .request, .refused, .closed, .writable: return nil
    }
  }

  private mutating func ask() {
    guard id == nil else { return }
    guard case .grpc(let service) = question else {
      id = connection.sendRequest(head, scheme: scheme, endsStream: true)
      return
    }
    id = connection.sendRequest(head, scheme: scheme, endsStream: false)
    guard let id else { return }
    // HealthCheckRequest { string service = 1; }, uncompressed, behind its length.
    let name = Array(service.utf8.prefix(127))
    let message = name.isEmpty ? [] : [0x0a, UInt8(name.count)] + name
    var body = ByteBuffer()
    body.writeInteger(UInt8(0))
    body.writeInteger(UInt32(message.count))
    body.writeBytes(message)
    connection.sendBody(id, body)
    connection.sendEnd(id)
  }

  private func grpcOutcome(_ trailers: HeaderList) -> HealthMachine.Outcome {
    guard let status = trailers.first("grpc-status"), let code = Int(status) else {
      return .failed("its answer has no grpc-status", isDefinite: false)
    }
    guard code == 0 else { return .failed("it answers with grpc-status \(code)", isDefinite: true) }
    // HealthCheckResponse { ServingStatus status = 1; } with SERVING = 1.
    let message = answer.readableBytesView.dropFirst(5)
    guard message.elementsEqual([0x08, 0x01]) else {
      return .failed("it says that it does not serve", isDefinite: true)
    }
    return .passed
  }
}
