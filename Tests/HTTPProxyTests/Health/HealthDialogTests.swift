import HTTPWire
import NIOCore
import Routing
import Testing

@testable import HTTPProxy

/// What is asked, and what is made of answers: good, bad, hostile.
struct HealthDialogTests {
  private static func http(_ expected: [Range<Int>] = [], host: String? = nil) -> HealthDialog {
    HealthDialog(
      HealthCheck(.http(path: "/healthz?deep=1", host: host, expected: expected, speaksHTTP2: false)),
      host: "localhost:3000", scheme: "http")
  }

  private func outcome(_ dialog: HealthDialog, _ answer: String, by size: Int = .max) -> HealthMachine.Outcome? {
    var dialog = dialog
    var bytes = ByteBuffer(string: answer)
    while bytes.readableBytes > 0 {
      let slice = bytes.readSlice(length: min(size, bytes.readableBytes)) ?? ByteBuffer()
      if let outcome = dialog.receive(slice, at: 0) { return outcome }
    }
    return nil
  }

  private func isFailed(_ outcome: HealthMachine.Outcome?) -> Bool {
    if case .failed = outcome { true } else { false }
  }

  @Test func `a request names the host of the check, else that of the service`() {
    var dialog = Self.http()
    let text = dialog.takeOutbound().map { String(buffer: $0) } ?? ""
    #expect(text.hasPrefix("GET /healthz?deep=1 HTTP/1.1\r\nHost: localhost:3000\r\n") && text.hasSuffix("\r\n\r\n"))
    let more = dialog.takeOutbound()
    #expect(more == nil)
    var named = Self.http(host: "inner.example")
    let other = named.takeOutbound().map { String(buffer: $0) } ?? ""
    #expect(other.contains("\r\nHost: inner.example\r\n"))
  }

  @Test(arguments: [1, 7, Int.max])
  func `the status decides, however the answer is cut`(_ size: Int) {
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    #expect(outcome(Self.http(), ok, by: size) == .passed)
    #expect(outcome(Self.http(), "HTTP/1.1 103 Early Hints\r\n\r\n" + ok, by: size) == .passed)
    let bad = "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"
    #expect(outcome(Self.http(), bad, by: size) == .failed("it answers with status 503", isDefinite: true))
    #expect(outcome(Self.http([200..<300, 503..<504]), bad, by: size) == .passed)
    #expect(isFailed(outcome(Self.http([200..<201]), "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", by: size)))
  }

  @Test(arguments: [
    "SSH-2.0-OpenSSH_9.6\r\n", "HTTP/1.1 99 No\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX: \u{0}\r\n\r\n", String(repeating: "HTTP/1.1 102 Wait\r\n\r\n", count: 9),
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
  ])
  func `what is no answer fails`(_ answer: String) {
    #expect(isFailed(outcome(Self.http(), answer)))
  }

  @Test func `an answer without end is not kept`() {
    #expect(isFailed(outcome(Self.http(), "HTTP/1.1 200 OK\r\nX: " + String(repeating: "a", count: 1 << 20), by: 4096)))
    var dialog = Self.http()
    let end = dialog.finish()
    #expect(isFailed(end))
  }

  private static func tcp(_ send: String, _ receive: [String]) -> HealthDialog {
    HealthDialog(
      HealthCheck(.tcp(send: Array(send.utf8), receive: receive.map { Array($0.utf8) })), host: "", scheme: "http")
  }

  @Test func `bytes are looked for in their order, whatever lies between`() {
    var ping = Self.tcp("PING\r\n", ["+PONG"])
    #expect(ping.outcomeOfOpening == nil)
    let sent = ping.takeOutbound()
    #expect(sent == ByteBuffer(string: "PING\r\n"))
    for size in [1, 3, Int.max] {
      #expect(outcome(Self.tcp("", ["+PONG"]), "+OK\r\n+PONG\r\n", by: size) == .passed)
      #expect(outcome(Self.tcp("", ["ab", "ab", "c"]), "xabyabz.c", by: size) == .passed)
      #expect(outcome(Self.tcp("", ["ab", "c", "ab"]), "abab c", by: size) == nil)
      #expect(outcome(Self.tcp("", ["aab"]), "aaab", by: size) == .passed)
    }
    #expect(isFailed(outcome(Self.tcp("", ["never"]), String(repeating: "x", count: 1 << 18), by: 1000)))
    #expect(Self.tcp("", []).outcomeOfOpening == .passed)
    #expect(Self.tcp("hello", []).outcomeOfOpening == .passed)
  }

  // MARK: HTTP/2 and gRPC

  /// The other side: takes what is asked and answers.
  private func answer(
    _ dialog: HealthDialog, with reply: (inout HTTP2Connection, UInt32, RequestHead) -> Void
  ) throws -> HealthMachine.Outcome? {
    var dialog = dialog
    var server = HTTP2Connection(role: .server) { "" }
    for _ in 0..<10 {
      while let bytes = dialog.takeOutbound() { try server.receive(bytes, at: 0) }
      while let event = server.nextEvent() {
        switch event {
        case .request(let id, let head, _): reply(&server, id, head)
        case .body(let id, let bytes): server.consumed(bytes.readableBytes, of: id)
        default: break
        }
      }
      while let bytes = server.takeOutbound() {
        if let outcome = dialog.receive(bytes, at: 0) { return outcome }
      }
    }
    return nil
  }

  @Test func `a service that speaks HTTP/2 is asked in HTTP/2`() throws {
    let check = HealthCheck(.http(path: "/up", host: nil, expected: [], speaksHTTP2: true))
    let dialog = HealthDialog(check, host: "localhost:3000", scheme: "http")
    let passed = try answer(dialog) { server, id, head in
      #expect(head.method == .get && head.target == "/up" && head.authority?.text == "localhost:3000")
      server.sendHead(id, ResponseHead(status: 200), endsStream: true)
    }
    #expect(passed == .passed)
    let failed = try answer(dialog) { server, id, _ in server.sendHead(id, ResponseHead(status: 404), endsStream: true)
    }
    #expect(failed == .failed("it answers with status 404", isDefinite: true))
    #expect(isFailed(try answer(dialog) { server, id, _ in server.reset(id, .refusedStream) }))
    var plain = dialog
    let refused = plain.receive(ByteBuffer(string: "HTTP/1.1 400 Bad Request\r\n\r\n"), at: 0)
    #expect(isFailed(refused))
  }

  @Test(
    arguments: [
      ([0, 0, 0, 0, 2, 8, 1], "0", true), ([0, 0, 0, 0, 2, 8, 2], "0", false), ([0, 0, 0, 0, 0], "0", false),
      ([], "5", false), ([0, 0, 0, 0, 2, 8, 1], "14", false),
    ] as [([UInt8], String, Bool)])
  func `a gRPC service says whether it serves`(_ message: [UInt8], _ status: String, _ isWell: Bool) throws {
    let dialog = HealthDialog(HealthCheck(.grpc(service: "shop", authority: "x")), host: "localhost", scheme: "http")
    let outcome = try answer(dialog) { server, id, head in
      #expect(head.method == .post && head.target == "/grpc.health.v1.Health/Check")
      #expect(head.headers.first("content-type") == "application/grpc" && head.headers.first("te") == "trailers")
      let type = HeaderList([("content-type", "application/grpc")])
      server.sendHead(id, ResponseHead(status: 200, headers: type), endsStream: false)
      server.sendBody(id, ByteBuffer(bytes: message))
      server.sendEnd(id, trailers: HeaderList([("grpc-status", status)]))
    }
    #expect((outcome == .passed) == isWell && outcome != nil, "\(String(describing: outcome))")
  }
}
