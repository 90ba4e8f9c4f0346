import HTTPWire
import NIOCore
import Routing
import Synchronization
import TestSupport
import Testing

@testable import HTTPProxy

/// Services that speak HTTP/2, behind a tunnel: what visitors get of them.
@Suite(.timeLimit(.minutes(4))) struct HTTP2ServiceTests {
  // MARK: What comes through

  @Test func aPageAndItsFields() async throws {
    let seen = Mutex<RequestHead?>(nil)
    let service = try await HTTP2TestService { event, peer in
      if case .request(let id, let head, _) = event {
        seen.withLock { $0 = head }
        peer.reply(id, "hello", [("Server", "h2")])
      }
    }
    let edge = try await HTTP2Services.edge(service.port)
    let client = try await edge.client()
    client.send(get("/a?b", "Connection: X-Hop\r\nX-Hop: 1\r\nX-Forwarded-For: 9.9.9.9\r\nTE: trailers\r\n"))
    let answer = try await client.wait(for: "hello")
    #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n") && answer.lowercased().contains("server: h2"))
    let head = try #require(seen.withLock { $0 })
    #expect(head.target == "/a?b" && head.authority?.text == "service.test:9000" && head.method == .get)
    #expect(head.headers.first("cookie") == "a=1; b=2" && head.headers.first("te") == "trailers")
    #expect(!head.headers.contains("x-hop") && !head.headers.contains("connection"))
    #expect(head.headers.values("x-forwarded-for") == ["127.0.0.1"] && head.headers.contains("x-request-id"))
    await edge.stop()
  }

  @Test func bodiesAndTrailersPassBothWays() async throws {
    let service = try await HTTP2TestService { event, peer in
      switch event {
      case .request(let id, _, _): peer.begin(id)
      case .body(let id, let bytes): peer.send(id, bytes)
      case .end(let id): peer.send(id, ByteBuffer(), ends: true, trailers: HeaderList([("x-sum", "9")]))
      default: break
      }
    }
    let edge = try await HTTP2Services.edge(service.port)
    let client = try await edge.client()
    client.send(
      get(
        "/up", method: "POST", "Transfer-Encoding: chunked\r\n",
        body: "3\r\nabc\r\n3\r\ndef\r\n0\r\nX-End: 1\r\nX-Forwarded-For: 2\r\n\r\n"))
    let answer = try await client.wait(for: "x-sum: 9\r\n\r\n")
    #expect(answer.lowercased().contains("transfer-encoding: chunked") && answer.contains("abc"))
    #expect(service.has("1: 1 X-End: 1") || service.has("1: 1 x-end: 1"))
    client.clear()
    let megabytes = 3 << 20
    client.send(get("/big", method: "POST", "Content-Length: \(megabytes)\r\n"))
    for _ in 0..<48 { client.send(String(repeating: "x", count: 1 << 16)) }
    try await client.wait(bytes: megabytes)
    _ = try await client.wait(minimum: megabytes) { text, _ in text.hasSuffix("x-sum: 9\r\n\r\n") }
    #expect(service.connections == 1)
    await edge.stop()
  }

  @Test func answersWithoutContent() async throws {
    let service = try await HTTP2TestService { event, peer in
      guard case .request(let id, let head, _) = event else { return }
      switch head.target {
      case "/204": peer.begin(id, status: 204, endsStream: true)
      case "/304": peer.begin(id, status: 304, [("ETag", "\"1\""), ("Content-Length", "7")], endsStream: true)
      case "/empty": peer.begin(id, endsStream: true)
      // Ends with an empty DATA frame.
      case "/head": peer.reply(id, "", [("Content-Length", "5")])
      default: peer.reply(id)
      }
    }
    let edge = try await HTTP2Services.edge(service.port)
    let client = try await edge.client()
    // Pipelined: one that is framed wrongly would take the next for its body.
    client.send(get("/204") + get("/304") + get("/empty") + get("/head", method: "HEAD") + get("/last"))
    let answer = try await client.wait(for: "hello")
    #expect(
      answer.pieces(between: "HTTP/1.1 ").map { $0.prefix(3) }.dropFirst() == ["204", "304", "200", "200", "200"])
    #expect(answer.pieces(between: "HTTP/1.1 ")[3].lowercased().contains("content-length: 0"))
    await edge.stop()
  }

  @Test func theServiceIsAskedBeforeTheBodyComes() async throws {
    let service = try await HTTP2TestService { event, peer in
      switch event {
      case .request(let id, let head, _):
        if head.expectsContinue { peer.begin(id, status: 100) }
        peer.begin(id, status: 103, [("Link", "</a.css>")])
      case .end(let id): peer.reply(id)
      default: break
      }
    }
    let edge = try await HTTP2Services.edge(service.port)
    let client = try await edge.client()
    client.send(get("/up", method: "POST", "Expect: 100-continue\r\nContent-Length: 3\r\n"))
    _ = try await client.wait(for: "103 Early Hints\r\nlink: </a.css>")
    #expect(client.text.hasPrefix("HTTP/1.1 100 Continue\r\n\r\n"))
    client.send("abc")
    _ = try await client.wait(for: "hello")
    await edge.stop()
  }

  // MARK: Many on one

  @Test func requestsShareAConnectionAndAreAnsweredInAnyOrder() async throws {
    let service = try await HTTP2TestService { event, peer in
      guard case .request(let id, let head, _) = event else { return }
      if head.target == "/now" {
        peer.reply(id, "now")
        for (held, path) in peer.paths where path == "/later" { peer.reply(held, "later") }
      }
    }
    let edge = try await HTTP2Services.edge(service.port)
    var clients: [RawClient] = []
    // All at once: whoever comes while the connection opens waits for it.
    for _ in 0..<20 { clients.append(try await edge.client()) }
    for client in clients { client.send(get("/later")) }
    try await until("twenty requests at the service") { service.count("GET /later") == 20 }
    let other = try await edge.client()
    other.send(get("/now", cookie: "bob"))
    _ = try await other.wait(for: "now")
    for client in clients { _ = try await client.wait(for: "later") }
    #expect(service.connections == 1)
    await edge.stop()
  }

  @Test func whatDoesNotFitGetsAnotherConnection() async throws {
    var limits = HTTP2Limits()
    limits.concurrentStreams = 2
    let service = try await HTTP2TestService(limits: limits) { event, peer in
      guard case .request(let id, let head, _) = event, head.target == "/now" else { return }
      peer.reply(id, "now")
    }
    let edge = try await HTTP2Services.edge(service.port)
    var clients: [RawClient] = []
    for _ in 0..<4 { clients.append(try await edge.client()) }
    for client in clients { client.send(get("/held")) }
    try await until("four requests at the service") { service.count("GET /held") == 4 }
    #expect(service.connections == 2)
    // A place that becomes free is taken.
    await clients[0].close()
    try await until("the place to be free") { service.count("reset cancel") == 1 }
    clients[1].clear()
    let other = try await edge.client()
    other.send(get("/now"))
    _ = try await other.wait(for: "now")
    #expect(service.connections == 2)
    await edge.stop()
  }

  /// More than sockets hold; one for all.
  private static let large = ByteBuffer(repeating: 0x78, count: 12 << 20)

  @Test func aVisitorWhoReadsNothingHoldsUpNobody() async throws {
    let service = try await HTTP2TestService { event, peer in
      guard case .request(let id, let head, _) = event else { return }
      guard head.target == "/big" else { return peer.reply(id) }
      peer.begin(id)
      peer.send(id, Self.large, ends: true)
    }
    let edge = try await HTTP2Services.edge(service.port)
    var stalled: [RawClient] = []
    for _ in 0..<4 {
      let client = try await edge.client()
      try await client.setReading(false)
      client.send(get("/big"))
      stalled.append(client)
    }
    try await until("the downloads to begin") { service.count("GET /big") == 4 }
    let other = try await edge.client()
    for _ in 0..<3 {
      other.clear()
      other.send(get("/small"))
      _ = try await other.wait(for: "hello")
    }
    #expect(service.connections == 1)
    for client in stalled { await client.close() }
    try await until("the service to be told") { service.count("reset cancel") == 4 }
    other.clear()
    other.send(get("/small"))
    _ = try await other.wait(for: "hello")
    #expect(service.connections == 1)
    await edge.stop()
  }

  @Test(arguments: [HTTPProxyConfiguration.TunnelPool.session, .off])
  func connectionsAreSharedOnlyAsConfigured(_ mode: HTTPProxyConfiguration.TunnelPool) async throws {
    let service = try await HTTP2TestService(HTTP2Services.greeter)
    let edge = try await HTTP2Services.edge(service.port) { $0.tunnelPool = mode }
    for name in ["alice", "alice", "bob"] {
      let client = try await edge.client()
      client.send(get(cookie: name))
      _ = try await client.wait(for: "hello")
    }
    #expect(service.connections == (mode == .session ? 2 : 3))
    await edge.stop()
  }

  @Test func aConnectionThatIsIdleGoes() async throws {
    let gone = Mutex(false)
    let service = try await HTTP2TestService { event, peer in
      if case .goAway = event { gone.withLock { $0 = true } }
      HTTP2Services.greeter(event, peer)
    }
    let edge = try await HTTP2Services.edge(service.port) { $0.pooledIdleTime = 20 }
    let client = try await edge.client()
    client.send(get())
    _ = try await client.wait(for: "hello")
    try await until("the connection to end") { gone.withLock { $0 } }
    client.clear()
    client.send(get())
    _ = try await client.wait(for: "hello")
    #expect(service.connections == 2)
    await edge.stop()
  }

  // MARK: What goes wrong

  @Test func whatWasNotLookedAtIsAskedAgain() async throws {
    let asked = Mutex(0)
    let service = try await HTTP2TestService { event, peer in
      guard case .request(let id, _, _) = event else { return }
      let number = asked.withLock {
        $0 += 1
        return $0
      }
      switch number {
      case 1: peer.send(raw: HTTP2TestPeer.goAway(after: 0))
      case 3, 5, 6: peer.reset(id, .refusedStream)
      default: peer.reply(id)
      }
    }
    let edge = try await HTTP2Services.edge(service.port)
    let client = try await edge.client()
    // Not a method that may be repeated otherwise.
    client.send(get(method: "DELETE"))
    _ = try await client.wait(for: "hello")
    #expect(service.connections == 2)
    client.clear()
    client.send(get(method: "DELETE"))
    _ = try await client.wait(for: "hello")
    // Once, not for ever.
    client.clear()
    client.send(get(method: "DELETE"))
    #expect(try await client.wait(for: "service_broke").hasPrefix("HTTP/1.1 502"))
    #expect(asked.withLock { $0 } == 6)
    await edge.stop()
  }

  @Test(arguments: ["garbage", "close", "reset", "push", "interim", "window", "data", "trailers"])
  func aServiceThatBreaksTheRulesIsA502AndOthersAreServed(_ how: String) async throws {
    let service = try await HTTP2TestService { event, peer in
      guard case .request(let id, let head, _) = event else { return }
      guard head.target == "/bad" else { return peer.reply(id) }
      let byte = UInt8(truncatingIfNeeded: id)
      switch how {
      case "garbage": peer.send(raw: [UInt8](repeating: 0xFF, count: 100))
      case "close": peer.close()
      case "reset": peer.reset(id, .internalError)
      case "push": peer.send(raw: [0, 0, 4, 5, 4, 0, 0, 0, byte, 0, 0, 0, 2])
      case "interim": for _ in 0..<9 { peer.begin(id, status: 103) }
      case "window": peer.send(raw: [0, 0, 4, 8, 0, 0, 0, 0, 0, 0x7F, 0xFF, 0xFF, 0xFF])
      case "data": peer.send(raw: [0, 0, 1, 0, 0, 0, 0, 0, byte, 0])
      default: peer.reply(id, "x", trailers: HeaderList([("content-length", "1")]))
      }
    }
    let edge = try await HTTP2Services.edge(service.port)
    let client = try await edge.client()
    client.send(get("/good"))
    _ = try await client.wait(for: "hello")
    client.clear()
    client.send(get("/bad", method: "POST", "Content-Length: 0\r\n"))
    if how == "trailers" {
      // The head has gone: the answer breaks off.
      let answer = try await client.waitUntilClosed()
      #expect(!answer.hasSuffix("0\r\n\r\n"))
    } else {
      let answer = try await client.wait(for: "service_broke")
      #expect(answer.contains("HTTP/1.1 502"))
    }
    let other = try await edge.client()
    other.send(get("/good"))
    _ = try await other.wait(for: "hello")
    await edge.stop()
  }

  @Test func aConnectionThatWentSilentIsNotAskedAgain() async throws {
    try await withTimeLimits([1000, 5000, 30_000]) { limit in
      // SETTINGS, and on the first connection nothing ever after.
      let service = try await HTTP2TestService { event, peer in
        if case .request(let id, _, _) = event, peer.number > 1 { peer.reply(id) }
        if case .request = event, peer.number == 1 { peer.isDeaf = true }
      }
      let edge = try await HTTP2Services.edge(service.port) { $0.upstreamTimeout = limit }
      let client = try await edge.client()
      client.send(get(method: "DELETE"))
      _ = try await client.wait(for: "upstream_response_timeout")
      client.clear()
      client.send(get())
      let answer = try await client.wait { text, _ in text.contains("hello") || text.contains("timeout") }
      await edge.stop()
      return answer.contains("hello") && service.connections == 2
    }
  }

  @Test func aServiceThatSpeaksOnlyHTTP1IsNamed() async throws {
    let service = try await TestService(onData: { _, connection in
      connection.send("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    })
    let edge = try await HTTP2Services.edge(service.port)
    let client = try await edge.client()
    client.send(get())
    let answer = try await client.wait(for: "write http://")
    #expect(answer.hasPrefix("HTTP/1.1 502") && answer.contains("does not speak HTTP/2"))
    await edge.stop()
  }

  @Test func whoeverWaitsForAnOpeningThatFailsIsTold() async throws {
    let service = try await TestService(onData: { _, connection in connection.close() })
    let edge = try await HTTP2Services.edge(service.port)
    var clients: [RawClient] = []
    for _ in 0..<5 { clients.append(try await edge.client()) }
    for client in clients { client.send(get()) }
    for client in clients { #expect(try await client.wait(for: "service_broke").hasPrefix("HTTP/1.1 502")) }
    await edge.stop()
  }

  @Test func anEarlyAnswerEndsTheUpload() async throws {
    let service = try await HTTP2TestService { event, peer in
      guard case .request(let id, _, _) = event else { return }
      // Its end makes the connection send RST_STREAM with NO_ERROR.
      peer.reply(id, "too large", status: 413)
    }
    let edge = try await HTTP2Services.edge(service.port)
    let client = try await edge.client()
    client.send(get("/up", method: "POST", "Content-Length: 100000000\r\n"))
    for _ in 0..<32 { client.send(String(repeating: "x", count: 1 << 16)) }
    let answer = try await client.wait(for: "too large")
    #expect(answer.hasPrefix("HTTP/1.1 413"))
    let other = try await edge.client()
    other.send(get())
    _ = try await other.wait(for: "HTTP/1.1 413")
    #expect(service.connections == 1)
    await edge.stop()
  }

  // MARK: WebSockets

  @Test func aWebSocketIsAStreamOfItsOwn() async throws {
    let service = try await HTTP2TestService { event, peer in
      switch event {
      case .request(let id, let head, _):
        guard head.target == "/chat" else { return peer.reply(id) }
        #expect(head.headers.first("sec-websocket-version") == "13")
        peer.begin(id)
        peer.becomeTunnel(id)
      case .body(let id, let bytes): peer.send(id, bytes)
      case .end(let id): if peer.paths[id] == "/chat" { peer.send(id, ByteBuffer(), ends: true) }
      default: break
      }
    }
    let edge = try await HTTP2Services.edge(service.port)
    let client = try await edge.client()
    let key = "dGhlIHNhbXBsZSBub25jZQ=="
    client.send(
      get(
        "/chat",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: \(key)\r\nOrigin: https://app.example.com\r\n"
      ))
    let answer = try await client.wait(for: "\r\n\r\n")
    #expect(answer.hasPrefix("HTTP/1.1 101") && answer.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
    client.send("ping")
    _ = try await client.wait(for: "ping")
    let other = try await edge.client()
    other.send(get("/page"))
    _ = try await other.wait(for: "hello")
    #expect(service.connections == 1)
    await client.finish()
    _ = try await client.waitUntilClosed()
    await edge.stop()
  }

  @Test func aServiceWithoutWebSocketsIsNamed() async throws {
    // A service whose settings do not offer them.
    let service = try await TestService(onData: { bytes, connection in
      if bytes.readableBytesView.starts(with: "PRI".utf8) {
        _ = connection.send(ByteBuffer(bytes: [0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0]))
      }
    })
    let edge = try await HTTP2Services.edge(service.port)
    let client = try await edge.client()
    client.send(
      get(
        "/chat",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: https://app.example.com\r\n"
      ))
    #expect(try await client.wait(for: "without WebSockets").hasPrefix("HTTP/1.1 502"))
    await edge.stop()
  }

  @Test func aDeclinedWebSocketLeavesNothingBehind() async throws {
    let service = try await HTTP2TestService { event, peer in
      // 404 with END_STREAM, and nothing about our half of the stream.
      if case .request(let id, _, _) = event {
        peer.send(raw: [0, 0, 1, 1, 5, 0, 0, 0, UInt8(truncatingIfNeeded: id), 0x8D])
      }
    }
    let edge = try await HTTP2Services.edge(service.port)
    let client = try await edge.client()
    for number in 1...3 {
      client.clear()
      client.send(
        get(
          "/chat",
          "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: https://app.example.com\r\n"
        ))
      _ = try await client.wait(for: "HTTP/1.1 404")
      try await until("the stream to be over") { service.count("reset cancel") == number }
    }
    #expect(service.connections == 1)
    await edge.stop()
  }
}
