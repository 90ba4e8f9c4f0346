import HTTPWire
import NIOCore
import Routing

/// What is said in one health check and what is made of the answer; no sockets here. What is read is bounded by the readers
/// of responses and frames, and by `largestAnswer`.
struct HealthDialog {
  private enum State {
    case http1(ResponseReader, expected: [Range<Int>])
    case http2(HTTP2Dialog)
    case tcp(receive: ArraySlice<[UInt8]>)
  }

  /// Of a `tcp` check, without the bytes that were looked for.
  static let largestAnswer = 64 << 10

  private var state: State
  private var inbound = ByteBuffer()
  private var outbound = ByteBuffer()
  private var received = 0

  /// `host`: of the service, where the check names none.
  init(_ check: HealthCheck, host: String, scheme: String) {
    switch check.probe {
    case .tcp(let send, let receive):
      state = .tcp(receive: receive[...])
      outbound.writeBytes(send)
    case .http(let path, let named, let expected, speaksHTTP2: false):
      var reader = ResponseReader()
      reader.begin(method: .get)
      state = .http1(reader, expected: expected)
      outbound.writeString(
        "GET \(path) HTTP/1.1\r\nHost: \(named ?? host)\r\nUser-Agent: \(Self.userAgent)\r\nAccept: */*\r\nConnection: close\r\n\r\n"
      )
    case .http(let path, let named, let expected, speaksHTTP2: true):
      state = .http2(HTTP2Dialog(path: path, authority: named ?? host, scheme: scheme, .statuses(expected)))
    case .grpc(let service, let authority):
      state = .http2(
        HTTP2Dialog(
          path: "/grpc.health.v1.Health/Check", authority: authority ?? host, scheme: scheme, .grpc(service: service)))
    }
  }

  /// So that a service's log shows who asks.
  static let userAgent = "TunnelEdge health check"

  mutating func takeOutbound() -> ByteBuffer? {
    if case .http2(var dialog) = state {
      let bytes = dialog.takeOutbound()
      state = .http2(dialog)
      return bytes
    }
    guard outbound.readableBytes > 0 else { return nil }
    defer { outbound = ByteBuffer() }
    return outbound
  }

  /// The connection is open.
  var outcomeOfOpening: HealthMachine.Outcome? {
    if case .tcp(let receive) = state, receive.isEmpty { return .passed }
    return nil
  }

  /// The outcome, once there is one. `now` in nanoseconds of a clock that does not go back.
  mutating func receive(_ bytes: ByteBuffer, at now: UInt64) -> HealthMachine.Outcome? {
    received += bytes.readableBytes
    switch state {
    case .tcp(let receive):
      inbound.writeImmutableBuffer(bytes)
      return match(receive)
    case .http1(var reader, let expected):
      inbound.writeImmutableBuffer(bytes)
      defer { state = .http1(reader, expected: expected) }
      do throws(WireError) {
        while let event = try reader.next(from: &inbound) {
          if case .head(let head) = event { return Self.outcome(head.status, expected) }
        }
        return nil
      } catch {
        return .failed("its answer is no HTTP: \(error.description)", isDefinite: false)
      }
    case .http2(var dialog):
      defer { state = .http2(dialog) }
      return dialog.receive(bytes, at: now)
    }
  }

  /// It will say no more.
  mutating func finish() -> HealthMachine.Outcome {
    switch state {
    case .tcp: .failed("it ended the connection without the answer that is expected", isDefinite: false)
    case .http1, .http2: .failed("it ended the connection without an answer", isDefinite: false)
    }
  }

  static func outcome(_ status: Int, _ expected: [Range<Int>]) -> HealthMachine.Outcome {
    let isExpected = expected.isEmpty ? status == 200 : expected.contains { $0.contains(status) }
    return isExpected ? .passed : .failed("it answers with status \(status)", isDefinite: true)
  }

  /// Each text is looked for behind the one before; what lies between does not matter.
  private mutating func match(_ wanted: ArraySlice<[UInt8]>) -> HealthMachine.Outcome? {
    var wanted = wanted
    while let next = wanted.first {
      guard let end = Self.end(of: next, in: inbound.readableBytesView) else {
        // What cannot be the beginning of it any more is not kept.
        let useless = inbound.readableBytes - next.count + 1
        if useless > 0 { inbound.moveReaderIndex(forwardBy: useless) }
        inbound.discardReadBytes()
        state = .tcp(receive: wanted)
        guard received <= Self.largestAnswer else {
          return .failed("it says something else than is expected", isDefinite: false)
        }
        return nil
      }
      inbound.moveReaderIndex(forwardBy: end)
      wanted = wanted.dropFirst()
    }
    return .passed
  }

  /// How many bytes there are up to the end of the first occurrence.
  private static func end(of needle: [UInt8], in bytes: ByteBufferView) -> Int? {
    guard !needle.isEmpty else { return 0 }
    guard bytes.count >= needle.count else { return nil }
    for start in 0...(bytes.count - needle.count)
    where bytes[(bytes.startIndex + start)..<(bytes.startIndex + start + needle.count)].elementsEqual(needle) {
      return start + needle.count
    }
    return nil
  }
}
