import NIOCore
import Routing
import Testing

@testable import HTTPProxy

/// Security rule 23.
@Suite(.timeLimit(.minutes(4))) struct UpgradeTests {
  private let key = "dGhlIHNhbXBsZSBub25jZQ=="
  private let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

  private var request: String {
    return get(
      "/ws",
      "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: \(key)\r\nOrigin: https://app.example.com\r\n"
    )
  }

  private func edge(_ service: TestService) async throws -> (TestEdge, RawClient) {
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route])
    edge.publish(route, port: service.port)
    return (edge, try await edge.client())
  }

  private func switching(_ fields: String? = nil) -> String {
    "HTTP/1.1 101 Switching Protocols\r\n"
      + (fields ?? "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: \(accept)\r\n") + "\r\n"
  }

  /// A service that switches and then echoes.
  private func echo() async throws -> TestService {
    let answer = switching()
    return try await TestService(onData: { bytes, connection in
      let text = String(buffer: bytes)
      if text.hasPrefix("GET /ws") {
        #expect(text.fieldLines.contains("upgrade: websocket") && text.fieldLines.contains("connection: upgrade"))
        connection.send(answer)
      } else {
        _ = connection.send(bytes)
      }
    })
  }

  @Test func bytesGoRawBothWaysAfterwards() async throws {
    let service = try await echo()
    let (edge, client) = try await edge(service)
    client.send(request)
    let head = try await client.wait(for: "\r\n\r\n")
    #expect(head.hasPrefix("HTTP/1.1 101 Switching Protocols\r\n"))
    #expect(head.fieldLines.contains("upgrade: websocket") && head.fieldLines.contains("connection: upgrade"))
    #expect(head.fieldLines.contains("sec-websocket-accept: \(accept.lowercased())"))
    client.clear()
    client.send("\u{1}ping GET / HTTP/1.1\r\n\r\n")
    #expect(try await client.wait(for: "\r\n\r\n") == "\u{1}ping GET / HTTP/1.1\r\n\r\n")
    #expect(edge.openStreams.count == 1)
    await client.close()
    while service.closed.withLock({ $0 }) == 0 { await Task.yield() }
    await edge.stop()
    #expect(edge.openStreams.count == 0)
    #expect(edge.log.lines.first?.contains(#""upgraded":true"#) == true)
  }

  /// The service is done long before a slow visitor has read what it said.
  @Test func whatTheServiceSaidBeforeItsEndArrives() async throws {
    let size = 12 << 20
    let answer = switching()
    let service = try await TestService(onData: { bytes, connection in
      if String(buffer: bytes).hasPrefix("GET /ws") {
        connection.send(answer)
      } else {
        connection.send(ByteBuffer(repeating: 0x78, count: size)).whenComplete { _ in connection.close() }
      }
    })
    let (edge, client) = try await edge(service)
    client.send(request)
    _ = try await client.wait(for: "\r\n\r\n")
    client.clear()
    try await client.setReading(false)
    client.send("go")
    try await Task.sleep(for: .milliseconds(100))
    try await client.setReading(true)
    try await client.wait(bytes: size)
    _ = try await client.waitUntilClosed()
    #expect(client.byteCount == size)
    await edge.stop()
  }

  @Test func earlyBytesOfTheVisitorWaitForTheSwitch() async throws {
    let service = try await echo()
    let (edge, client) = try await edge(service)
    client.send(request + "early bird")
    _ = try await client.wait(for: "early bird")
    await edge.stop()
  }

  @Test(arguments: [
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n",
    "Upgrade: websocket\r\nConnection: Upgrade\r\n",
    "Upgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
    "Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
    "Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
  ])
  func aSwitchThatDoesNotFitIs502(_ fields: String) async throws {
    let answer = switching(fields)
    let service = try await TestService { _, connection in connection.send(answer) }
    let (edge, client) = try await edge(service)
    client.send(request)
    #expect(try await client.wait(for: "service_broke").contains("502 Bad Gateway"))
    await edge.stop()
  }

  @Test func anyOtherAnswerKeepsItsFraming() async throws {
    let service = try await TestService { _, connection in connection.reply("no", "X-Plain: 1\r\n") }
    let (edge, client) = try await edge(service)
    client.send(request + get("/next"))
    let answer = try await client.wait { text, _ in text.pieces(between: "\r\n\r\nno").count == 3 }
    #expect(answer.contains("X-Plain: 1"))
    // Whatever the service took the request for, nobody's next one goes there.
    #expect(service.connections == 2)
    await edge.stop()
  }

  @Test func onlyKnownTokensPass() async throws {
    let service = try await TestService()
    let route = try TestEdge.route { $0.allowedUpgrades = ["spdy/3.1", "h2c"] }
    let edge = try await TestEdge(routes: [route])
    edge.publish(route, port: service.port)
    let client = try await edge.client()
    client.send(get("/", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n"))
    _ = try await client.wait(for: "hello")
    #expect(!service.lastHead.lowercased().contains("upgrade"))
    client.clear()
    client.send(get("/", "Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"))
    _ = try await client.wait(for: "hello")
    #expect(service.lastHead.fieldLines.contains("upgrade: spdy/3.1"))
    await edge.stop()
  }

  @Test func aRouteCanForbidWebSockets() async throws {
    let service = try await TestService()
    let route = try TestEdge.route { $0.allowsWebSockets = false }
    let edge = try await TestEdge(routes: [route])
    edge.publish(route, port: service.port)
    let client = try await edge.client()
    client.send(request)
    _ = try await client.wait(for: "hello")
    #expect(!service.lastHead.fieldLines.contains { $0.hasPrefix("upgrade") })
    await edge.stop()
  }

  @Test func theServicesEndIsPassedOnAndTheRestStillArrives() async throws {
    let answer = switching()
    let service = try await TestService(onData: { bytes, connection in
      if String(buffer: bytes).hasPrefix("GET /ws") {
        connection.send(answer + "bye")
        connection.channel.eventLoop.execute { connection.close() }
      }
    })
    let (edge, client) = try await edge(service)
    client.send(request)
    let text = try await client.waitUntilClosed()
    #expect(text.hasSuffix("\r\n\r\nbye"))
    await edge.stop()
  }
}
