import NIOCore
import Routing
import Testing

@testable import HTTPProxy

/// Messages that are allowed and rare, and services that are careless with them.
@Suite(.timeLimit(.minutes(4))) struct OddMessagesTests {
  private func edge(_ service: TestService) async throws -> (TestEdge, RawClient) {
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route])
    edge.publish(route, port: service.port)
    return (edge, try await edge.client())
  }

  /// What follows a message without a body is no message of anybody.
  @Test(arguments: ["204 No Content", "304 Not Modified"])
  func aBodyWhereNoneMayBeGoesNowhere(_ status: String) async throws {
    let service = try await TestService { head, connection in
      if head.hasPrefix("GET /none") {
        connection.send(
          "HTTP/1.1 \(status)\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad")
      } else {
        connection.reply("good")
      }
    }
    let (edge, client) = try await edge(service)
    client.send(get("/none") + get("/next"))
    let answer = try await client.wait(for: "good")
    #expect(answer.hasPrefix("HTTP/1.1 \(status)\r\n") && !answer.contains("bad"))
    #expect(answer.pieces(between: "HTTP/1.1 ").count == 3 && service.connections == 2)
    await edge.stop()
  }

  @Test func earlyHintsReachThoseWhoKnowThem() async throws {
    let service = try await TestService { _, connection in
      connection.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: close\r\n\r\n")
      connection.reply("page", "Content-Range: bytes 0-3/9\r\n")
    }
    let (edge, client) = try await edge(service)
    client.send(get())
    let answer = try await client.wait(for: "\r\n\r\npage")
    #expect(answer.hasPrefix("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\n"))
    let old = try await edge.client()
    old.send(get().replacing("HTTP/1.1", with: "HTTP/1.0"))
    #expect(try await old.waitUntilClosed().hasPrefix("HTTP/1.1 200 OK\r\n"))
    await edge.stop()
  }

  @Test func aRangeIsTheServicesBusiness() async throws {
    let service = try await TestService { _, connection in
      connection.send(
        "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-4/10\r\nETag: \"x\"\r\nContent-Length: 3\r\n\r\ncde")
    }
    let (edge, client) = try await edge(service)
    client.send(get("/", "Range: bytes=2-4\r\nIf-Range: \"x\"\r\n"))
    let answer = try await client.wait(for: "cde")
    #expect(answer.hasPrefix("HTTP/1.1 206 ") && answer.contains("Content-Range: bytes 2-4/10\r\n"))
    #expect(service.lastHead.contains("Range: bytes=2-4\r\n") && service.lastHead.contains("If-Range: \"x\"\r\n"))
    await edge.stop()
  }

  @Test func chunkExtensionsEndHere() async throws {
    let service = try await TestService(onData: { bytes, connection in
      let text = String(buffer: bytes)
      if text.contains("0\r\n") { connection.reply(text.contains("secret") ? "leaked" : "clean") }
    })
    let (edge, client) = try await edge(service)
    client.send(
      get("/", method: "POST", "Transfer-Encoding: chunked\r\n", body: "3;a=secret\r\nabc\r\n0;b=\"secret\"\r\n\r\n"))
    #expect(try await client.wait(for: "\r\n\r\n").contains("Content-Length: 5"))
    _ = try await client.wait(for: "clean")
    await edge.stop()
  }

  /// Fewer bytes than promised: the visitor must not take what came for the whole.
  @Test func aShortAnswerBreaksOff() async throws {
    let service = try await TestService { _, connection in
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
      connection.channel.eventLoop.execute { connection.close() }
    }
    let (edge, client) = try await edge(service)
    client.send(get("/1") + get("/2"))
    let answer = try await client.waitUntilClosed()
    #expect(answer.hasSuffix("half") && answer.pieces(between: "HTTP/1.1 ").count == 2)
    await edge.stop()
  }

  /// More bytes than promised: the rest is nobody's answer.
  @Test func aLongAnswerIsCutAndTheConnectionNotUsedAgain() async throws {
    let service = try await TestService { _, connection in
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngoodHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad")
    }
    let (edge, client) = try await edge(service)
    client.send(get("/1"))
    _ = try await client.wait(for: "good")
    client.clear()
    client.send(get("/2", cookie: "bob"))
    let answer = try await client.wait(for: "good")
    #expect(!answer.contains("bad") && service.connections == 2)
    await edge.stop()
  }
}
