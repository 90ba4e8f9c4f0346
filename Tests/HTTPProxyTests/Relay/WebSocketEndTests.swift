import HTTPWire
import NIOCore
import Routing
import Synchronization
import Testing

@testable import HTTPProxy

/// How WebSockets end when the edge ends them.
@Suite(.timeLimit(.minutes(4))) struct WebSocketEndTests {
  private static let switching =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
  private static let request = get(
    "/ws",
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
      + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: https://app.example.com\r\n")

  private final class Heard: Sendable {
    let bytes = Mutex<[UInt8]>([])
    let connection = Mutex<TestService.Connection?>(nil)
  }

  private func open(
    _ http: (inout HTTPRouteSettings) -> Void = { _ in }
  ) async throws -> (edge: TestEdge, client: RawClient, service: TestService, heard: Heard) {
    let heard = Heard()
    let service = try await TestService(onData: { bytes, connection in
      if String(buffer: bytes).hasPrefix("GET /ws") {
        heard.connection.withLock { $0 = connection }
        connection.send(Self.switching)
      } else {
        heard.bytes.withLock { $0 += bytes.readableBytesView }
      }
    })
    let route = try TestEdge.route(http: http)
    let edge = try await TestEdge(routes: [route]) { $0.pooledIdleTime = 400 }
    edge.publish(route, port: service.port)
    let client = try await edge.client()
    client.send(Self.request)
    _ = try await client.wait(for: "\r\n\r\n")
    return (edge, client, service, heard)
  }

  /// The frame that the service got, unmasked: its code.
  private func code(_ heard: Heard) -> Int? {
    let bytes = heard.bytes.withLock { $0 }
    guard bytes.count > 8, bytes[0] == 0x88, bytes[1] & 0x80 != 0, bytes.count == Int(bytes[1] & 0x7F) + 6 else {
      return nil
    }
    return Int(bytes[6] ^ bytes[2]) << 8 | Int(bytes[7] ^ bytes[3])
  }

  @Test func whoLosesTheRightIsToldBetweenFrames() async throws {
    let (edge, client, service, heard) = try await open()
    heard.connection.withLock { $0 }?.send("\u{1}\u{2}hi")
    _ = try await client.wait(for: "hi")
    edge.identity.end("alice")
    let text = try await client.waitUntilClosed()
    #expect(text.contains("You may not use this any more"))
    while service.closed.withLock({ $0 }) == 0 { await Task.yield() }
    #expect(code(heard) == 1008)
    await edge.stop()
    #expect(edge.log.lines.contains { $0.contains("right_ended") })
  }

  /// In the middle of a frame a Close would be its payload.
  @Test func inTheMiddleOfAFrameItJustEnds() async throws {
    let (edge, client, service, heard) = try await open()
    heard.connection.withLock { $0 }?.send("\u{1}\u{64}half")
    _ = try await client.wait(for: "half")
    client.send("\u{1}")
    while heard.bytes.withLock({ $0.isEmpty }) { await Task.yield() }
    edge.identity.end("alice")
    #expect(try await client.waitUntilClosed().hasSuffix("\r\n\r\n\u{1}\u{64}half"))
    while service.closed.withLock({ $0 }) == 0 { await Task.yield() }
    #expect(heard.bytes.withLock { $0 } == [1])
    await edge.stop()
  }

  @Test func afterAnothersCloseThereIsNoSecond() async throws {
    let (edge, client, service, heard) = try await open()
    _ = heard.connection.withLock { $0 }?.send(WebSocketClose.frame(.goingAway, reason: "theirs"))
    _ = try await client.wait(for: "theirs")
    edge.identity.end("alice")
    #expect(try await client.waitUntilClosed().hasSuffix("theirs"))
    while service.closed.withLock({ $0 }) == 0 { await Task.yield() }
    await edge.stop()
  }

  @Test(arguments: [true, false])
  func writtenTimeLimitsEndIt(_ isTotal: Bool) async throws {
    let (edge, client, service, heard) = try await open {
      // Long enough for the handshake on a busy machine.
      $0.timeout = isTotal ? 2500 : nil
      $0.idleTimeout = isTotal ? nil : 100
    }
    let text = try await client.waitUntilClosed()
    #expect(text.contains(isTotal ? "time for this connection" : "Nothing was said"))
    while service.closed.withLock({ $0 }) == 0 { await Task.yield() }
    #expect(code(heard) == 1001)
    await edge.stop()
  }

  @Test func anEdgeThatGoesSaysSo() async throws {
    let (edge, client, service, heard) = try await open()
    await edge.stop()
    #expect(try await client.waitUntilClosed().contains("The edge is restarting"))
    while service.closed.withLock({ $0 }) == 0 { await Task.yield() }
    #expect(code(heard) == 1001)
  }

  @Test(arguments: [("websocket", true), ("h2c", false), ("websocket, h2c", false)])
  func a426SaysToWhat(_ token: String, _ passes: Bool) async throws {
    let service = try await TestService { _, connection in
      connection.send(
        "HTTP/1.1 426 Upgrade Required\r\nUpgrade: \(token)\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
          + "Content-Length: 0\r\n\r\n")
    }
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route])
    edge.publish(route, port: service.port)
    let client = try await edge.client()
    client.send(Self.request)
    let lines = try await client.wait(for: "\r\n\r\n").fieldLines
    #expect(lines.contains("upgrade: websocket") == passes && lines.contains("connection: upgrade") == passes)
    #expect(lines.contains("sec-websocket-version: 13"))
    await edge.stop()
  }
}
