import HTTPWire
import NIOCore
import Routing
import Synchronization
import Testing

@testable import HTTPProxy

@Suite(.timeLimit(.minutes(4))) struct RelayTests {
  @Test func aSignedInVisitorSeesThePage() async throws {
    let service = try await TestService()
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route])
    edge.publish(route, port: service.port)
    let client = try await edge.client()
    client.send(get("/a?b=c"))
    let answer = try await client.wait(for: "hello")
    #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
    #expect(answer.lowercased().contains("content-length: 5\r\n"))
    let head = service.lastHead
    #expect(head.hasPrefix("GET /a?b=c HTTP/1.1\r\nHost: localhost\r\n"))
    #expect(head.fieldLines.contains("cookie: a=1; b=2"))
    #expect(head.fieldLines.contains("x-forwarded-for: 127.0.0.1"))
    #expect(head.fieldLines.contains("x-forwarded-host: app.example.com"))
    #expect(head.fieldLines.contains("x-forwarded-proto: http"))
    #expect(head.fieldLines.contains { $0.hasPrefix("x-request-id: ") && $0.count == 14 + 36 })
    await edge.stop()
  }

  @Test func requestsOfOneConnectionAreAnsweredInOrderOverOneChannel() async throws {
    let service = try await TestService { head, connection in
      connection.reply(String(head.split(separator: " ")[1]) + ";")
    }
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route])
    edge.publish(route, port: service.port)
    let client = try await edge.client()
    client.send((1...20).map { get("/\($0)") }.joined())
    let answer = try await client.wait(for: "/20;")
    let order = answer.split(separator: "\r\n").compactMap { $0.hasPrefix("/") ? $0.prefix { $0 != ";" } : nil }
    #expect(order == (1...20).map { "/\($0)" })
    #expect(service.connections == 1)
    #expect(edge.identity.lookups == 1)
    await edge.stop()
  }

  @Test func bodiesGoBothWaysInEveryFraming() async throws {
    let seen = Mutex("")
    let service = try await TestService(onData: { bytes, connection in
      let text = seen.withLock {
        $0 += String(buffer: bytes)
        return $0
      }
      if text.hasSuffix("0\r\nx-sum: 7\r\n\r\n") || text.lowercased().hasSuffix("x-sum: 7\r\n\r\n") {
        connection.send(
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-End\r\n\r\n3\r\nabc\r\n0\r\nX-End: 1\r\n\r\n")
      }
    })
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route])
    edge.publish(route, port: service.port)
    let client = try await edge.client()
    client.send(
      get(
        "/up", method: "POST", "Transfer-Encoding: chunked\r\n",
        body: "3\r\none\r\n3;e\r\ntwo\r\n0\r\nX-Sum: 7\r\nX-Pomerium-Claim-Email: evil@x\r\nX_Forwarded_For: 1\r\n\r\n")
    )
    let answer = try await client.wait(for: "X-End: 1\r\n\r\n")
    #expect(answer.lowercased().contains("transfer-encoding: chunked"))
    #expect(answer.contains("3\r\nabc\r\n0\r\nX-End: 1\r\n\r\n"))
    let request = seen.withLock { $0 }
    #expect(request.contains("3\r\none\r\n"))
    #expect(!request.contains("evil"))
    #expect(!request.lowercased().contains("x_forwarded"))
    await edge.stop()
  }

  @Test func headNotModifiedAndNoContentHaveNoBody() async throws {
    let service = try await TestService { head, connection in
      if head.hasPrefix("HEAD") { connection.send("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n") }
      if head.contains("/304") { connection.send("HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Length: 9\r\n\r\n") }
      if head.contains("/204") { connection.send("HTTP/1.1 204 No Content\r\n\r\n") }
      if head.contains("/last") { connection.reply("last") }
    }
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route])
    edge.publish(route, port: service.port)
    let client = try await edge.client()
    client.send(get("/h", method: "HEAD") + get("/304") + get("/204") + get("/last"))
    let answer = try await client.wait(for: "last")
    #expect(answer.contains("Content-Length: 99\r\n"))
    #expect(answer.contains("HTTP/1.1 304 Not Modified\r\nETag: x\r\n"))
    #expect(answer.pieces(between: "HTTP/1.1 ").count == 5)
    await edge.stop()
  }

  @Test func aBodyThatEndsWithItsConnectionIsChunkedForTheVisitor() async throws {
    let service = try await TestService { _, connection in
      connection.send("HTTP/1.0 200 OK\r\n\r\nabc")
      connection.close()
    }
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route])
    edge.publish(route, port: service.port)
    let client = try await edge.client()
    client.send(get())
    let answer = try await client.wait(for: "0\r\n\r\n")
    #expect(answer.contains("3\r\nabc\r\n"))
    await edge.stop()
  }

  @Test func anOldVisitorGetsAnAnswerItUnderstands() async throws {
    let service = try await TestService { _, connection in
      connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    }
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route])
    edge.publish(route, port: service.port)
    let client = try await edge.client()
    client.send("GET / HTTP/1.0\r\nHost: app.example.com\r\nCookie: __Host-_pomerium=alice\r\n\r\n")
    let answer = try await client.waitUntilClosed()
    #expect(!answer.lowercased().contains("transfer-encoding"))
    #expect(answer.hasSuffix("\r\n\r\nabc"))
    await edge.stop()
  }

  @Test func theVisitorDecidesAbout100Continue() async throws {
    let service = try await TestService { head, connection in
      if head.hasPrefix("POST") {
        #expect(head.lowercased().contains("expect: 100-continue"))
        connection.send("HTTP/1.1 100 Continue\r\n\r\n")
      } else {
        connection.reply("done")
      }
    }
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route])
    edge.publish(route, port: service.port)
    let client = try await edge.client()
    client.send(get("/", method: "POST", "Expect: 100-continue\r\nContent-Length: 8\r\n"))
    let interim = try await client.wait(for: "100 Continue\r\n\r\n")
    #expect(interim == "HTTP/1.1 100 Continue\r\n\r\n")
    client.send("GET\r\n\r\n\n")
    let answer = try await client.wait(for: "done")
    #expect(answer.contains("HTTP/1.1 200 OK"))
    await edge.stop()
  }

  @Test func anEarlyAnswerArrivesAndEndsTheConnection() async throws {
    let service = try await TestService { _, connection in
      connection.send("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
    }
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route])
    edge.publish(route, port: service.port)
    let client = try await edge.client()
    client.send(get("/", method: "PUT", "Content-Length: 1000000000\r\n", body: "some"))
    let answer = try await client.wait { text, closed in text.hasSuffix("big") && closed }
    #expect(answer.lowercased().contains("connection: close"))
    await edge.stop()
  }

  @Test func identityIsToldOnlyWhereAskedFor() async throws {
    let service = try await TestService()
    let route = try TestEdge.route { $0.passesIdentityHeaders = true }
    let edge = try await TestEdge(routes: [route]) {
      $0.claimHeaders = [
        ("X-Email", "email"), ("X-Pomerium-Claim-Groups", "groups"), ("X-Team", "team"), ("X-Odd", "odd"),
      ]
    }
    edge.publish(route, port: service.port)
    let client = try await edge.client()
    client.send(
      get("/", "X-Email: evil@x\r\nx_EMAIL: evil@x\r\nX-Pomerium-Jwt-Assertion: evil\r\nX-Pomerium_Claim: evil\r\n"))
    _ = try await client.wait(for: "hello")
    let lines = service.lastHead.fieldLines
    #expect(lines.contains("x-pomerium-jwt-assertion: assertion.alice.app.example.com"))
    #expect(lines.contains("x-email: alice@example.com"))
    #expect(lines.contains("x-pomerium-claim-groups: dev,ops"))
    #expect(lines.contains("x-team: blue"))
    #expect(!lines.contains { $0.contains("evil") || $0.hasPrefix("x-odd") })
    await edge.stop()
  }

  @Test func hostPathAndFieldsFollowTheRoute() async throws {
    let service = try await TestService()
    let target = RouteTarget(scheme: .http, host: "127.0.0.1", port: service.port, portIsExplicit: true, path: "/base")
    let direct = try TestEdge.route(
      "direct.example.com", id: "d", path: .prefix("/api"), targets: [target], isTunnel: false
    ) {
      $0.setRequestHeaders = [("X-Set", "mine")]
      $0.removeRequestHeaders = ["X-Gone"]
      $0.setResponseHeaders = [("X-Answer", "ours")]
    }
    let keeps = try TestEdge.route("keep.example.com", id: "k") { $0.preservesHostHeader = true }
    let edge = try await TestEdge(routes: [direct, keeps])
    edge.publish(keeps, port: service.port)
    let client = try await edge.client()
    client.send(get("/api/x?q", host: "direct.example.com", "x_set: theirs\r\nx-gone: 1\r\n"))
    let answer = try await client.wait(for: "hello")
    #expect(answer.contains("X-Answer: ours\r\n"))
    let head = service.lastHead
    #expect(head.hasPrefix("GET /base/x?q HTTP/1.1\r\nHost: 127.0.0.1:\(service.port)\r\n"))
    #expect(head.fieldLines.contains("x-set: mine"))
    #expect(!head.lowercased().contains("theirs") && !head.lowercased().contains("x-gone"))
    client.clear()
    client.send(get("/", host: "keep.example.com:8443"))
    _ = try await client.wait(for: "hello")
    #expect(service.lastHead.contains("Host: keep.example.com:8443\r\n"))
    await edge.stop()
  }

  @Test func fiftyRequestsAtOnce() async throws {
    let service = try await TestService { head, connection in
      let path = String(head.split(separator: " ")[1])
      connection.channel.eventLoop.scheduleTask(in: .milliseconds(20)) { connection.reply("body of \(path);") }
    }
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route])
    edge.publish(route, port: service.port)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<50 {
        group.addTask {
          let client = try await edge.client()
          for round in 0..<4 {
            client.send(get("/\(number)-\(round)"))
            _ = try await client.wait(for: "body of /\(number)-\(round);")
          }
          await client.close()
        }
      }
      try await group.waitForAll()
    }
    #expect(service.connections <= 100)
    await edge.stop()
  }

  @Test func everyRequestLeavesALine() async throws {
    let service = try await TestService()
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route])
    edge.publish(route, port: service.port)
    let client = try await edge.client()
    client.send(get("/a\"b?token=secret", "User-Agent: \u{85}[31m\r\n"))
    _ = try await client.wait(for: "hello")
    await edge.stop()
    let line = try #require(edge.log.lines.first)
    #expect(line.contains(#""method":"GET","authority":"app.example.com","path":"/a\"b?redacted""#))
    #expect(!line.contains("secret"))
    #expect(line.contains(#""response-code":200,"response-code-details":"via_upstream""#))
    #expect(line.contains(#/"upstream":"\S+","upstream-duration":\d+/#))
    #expect(line.contains(#""size":5,"route-id":"r1","user":"alice@example.com","session-id":"alice""#))
  }
}
