import HTTPWire
import NIOCore
import Routing
import Synchronization
import Testing

@testable import HTTPProxy

/// Security rules 19, 24, 25 and 26: what a service may do to a visitor, to the next visitor, and to us.
@Suite(.timeLimit(.minutes(4))) struct ServiceMisbehaviourTests {
  private func edge(
    _ service: TestService, configure: (inout HTTPProxyConfiguration) -> Void = { _ in }
  ) async throws -> (TestEdge, RawClient) {
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route], configure: configure)
    edge.publish(route, port: service.port)
    return (edge, try await edge.client())
  }

  @Test func fieldsThatReachBeyondTheRouteAreTakenOut() async throws {
    let service = try await TestService { _, connection in
      connection.send(
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nSet-Cookie: __Host-_pomerium=e\r\nAlt-Svc: e\r\n\r\n"
          + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
          + "Set-Cookie: a=1; Domain=example.com; Path=/\r\nSet-Cookie: b=2; path=/; domain=.app.example.com;Secure\r\n"
          + "Set-Cookie: c=3; Secure\r\nSet-Cookie: __Host-_pomerium=evil\r\nSet-Cookie: __host-_pomerium_nonce=evil\r\n"
          + "Set-Cookie: =__Host-_pomerium=evil; Path=/\r\nSet-Cookie: = __Host-_pomerium=evil\r\n"
          + "Clear-Site-Data: \"cache\", \"cookies\"\r\nAlt-Svc: h3=evil\r\nNEL: {evil}\r\nReport-To: {evil}\r\n"
          + "Proxy-Authenticate: evil\r\nProxy-Evil: evil\r\nKeep-Alive: evil\r\nX-Hop: evil\r\nConnection: x-hop\r\n"
          + "X-Frame-Options: DENY\r\nX-Fine: yes\r\n\r\nok")
    }
    let (edge, client) = try await edge(service)
    client.send(get())
    let answer = try await client.wait(for: "\r\n\r\nok")
    let heads = answer.pieces(between: "\r\n\r\n")
    #expect(heads[0] == "HTTP/1.1 103 Early Hints\r\nLink: </a>")
    let lines = heads[1].fieldLines
    #expect(
      lines.filter { $0.hasPrefix("set-cookie") } == [
        "set-cookie: c=3; secure", "set-cookie: a=1; path=/", "set-cookie: b=2; path=/;secure",
      ])
    #expect(!answer.contains("evil"))
    #expect(!lines.contains { $0.hasPrefix("clear-site-data") })
    #expect(lines.filter { $0.hasPrefix("x-frame-options") } == ["x-frame-options: deny"])
    #expect(lines.contains("strict-transport-security: max-age=31536000") && lines.contains("x-fine: yes"))
    await edge.stop()
  }

  @Test func aLengthBeforeTheAnswerIsNotPassedOn() async throws {
    let service = try await TestService { _, connection in
      connection.send(
        "HTTP/1.1 103 Early Hints\r\nContent-Length: 9\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
    }
    let (edge, client) = try await edge(service)
    client.send(get(method: "HEAD"))
    let answer = try await client.wait(for: "Content-Length: 5")
    #expect(!answer.contains("Content-Length: 9"))
    await edge.stop()
  }

  @Test func aBrowserForgetsTheFormerOwnersPages() async throws {
    let service = try await TestService()
    let (edge, client) = try await edge(service)
    client.send(get("/", "Sec-Fetch-Mode: navigate\r\n"))
    let first = try await client.wait(for: "hello")
    #expect(first.contains("Clear-Site-Data: \"cache\", \"storage\"\r\n"))
    let line = try #require(first.fieldLinesAsSent.first { $0.hasPrefix("Set-Cookie: __Host-_pomerium_owner=") })
    let cookie = line.dropFirst(12).prefix { $0 != ";" }
    client.clear()
    client.send(get("/", "Sec-Fetch-Mode: navigate\r\nCookie: \(cookie)\r\n"))
    #expect(!(try await client.wait(for: "hello")).contains("Clear-Site-Data"))
    #expect(!service.lastHead.contains("_owner"))
    client.clear()
    client.send(get("/", "Sec-Fetch-Mode: cors\r\nCookie: __Host-_pomerium_owner=another\r\n"))
    #expect(try await client.wait(for: "hello").contains("Clear-Site-Data"))
    client.clear()
    client.send(get())
    #expect(!(try await client.wait(for: "hello")).contains("Clear-Site-Data"))
    await edge.stop()
  }

  @Test func clearingTheCacheIsTheServicesBusiness() async throws {
    let service = try await TestService { _, connection in connection.reply("ok", "Clear-Site-Data: \"cache\"\r\n") }
    let (edge, client) = try await edge(service)
    client.send(get())
    #expect(try await client.wait(for: "\r\n\r\nok").contains("Clear-Site-Data: \"cache\""))
    await edge.stop()
  }

  @Test(arguments: [
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX: a\u{0}b\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 600 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
    "SSH-2.0-OpenSSH_9.2p1 Debian\r\n\r\n",
    "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    String(repeating: "HTTP/1.1 102 Processing\r\n\r\n", count: 9),
  ])
  func whatCannotBeReadIs502AndEndsTheChannel(_ text: String) async throws {
    let service = try await TestService { _, connection in connection.send(text) }
    let (edge, client) = try await edge(service)
    client.send(get())
    let answer = try await client.wait(for: "service_broke")
    #expect(answer.contains("HTTP/1.1 502 Bad Gateway"))
    await edge.stop()
  }

  @Test func framingInTrailersBreaksTheAnswer() async throws {
    let service = try await TestService { _, connection in
      connection.send(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nContent-Length: 3\r\n\r\n")
    }
    let (edge, client) = try await edge(service)
    client.send(get())
    let answer = try await client.waitUntilClosed()
    #expect(!answer.contains("0\r\n\r\n"))
    await edge.stop()
  }

  @Test func aTruncatedBodyIsSeenToBeTruncated() async throws {
    let service = try await TestService { _, connection in
      connection.channel.writeAndFlush(ByteBuffer(string: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"))
        .whenComplete { _ in connection.close() }
    }
    let (edge, client) = try await edge(service)
    client.send(get())
    let answer = try await client.waitUntilClosed()
    #expect(answer.hasSuffix("abc"))
    await edge.stop()
    #expect(edge.log.lines.first?.contains("service_broke_off") == true)
  }

  // MARK: Reuse

  @Test func leftOverBytesEndTheChannel() async throws {
    let service = try await TestService { _, connection in
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
    }
    let (edge, client) = try await edge(service)
    client.send(get("/1"))
    _ = try await client.wait(for: "\r\n\r\nok")
    client.send(get("/2"))
    let answer = try await client.wait { text, _ in text.pieces(between: "\r\n\r\nok").count == 3 }
    #expect(!answer.contains("evil"))
    #expect(service.connections == 2)
    await edge.stop()
  }

  @Test func bytesBeforeARequestEndTheChannel() async throws {
    let service = try await TestService { head, connection in
      connection.reply("ok")
      if head.contains("/1 ") {
        connection.channel.eventLoop.scheduleTask(in: .milliseconds(20)) { connection.reply("evil") }
      }
    }
    let (edge, client) = try await edge(service)
    client.send(get("/1"))
    _ = try await client.wait(for: "\r\n\r\nok")
    while service.closed.withLock({ $0 }) == 0 { await Task.yield() }
    client.send(get("/2"))
    let answer = try await client.wait { text, _ in text.pieces(between: "\r\n\r\nok").count == 3 }
    #expect(!answer.contains("evil"))
    await edge.stop()
  }

  @Test func afterABodyAChannelServesTheSameSessionOnly() async throws {
    let service = try await TestService { head, connection in
      if head.hasPrefix("POST") || head.contains("/g") { connection.reply("n\(connection.number);") }
    }
    let (edge, client) = try await edge(service)
    client.send(get("/p", method: "POST", "Content-Length: 2\r\n", body: "\r\n"))
    _ = try await client.wait(for: "n1;")
    client.send(get("/g2"))
    _ = try await client.wait { text, _ in text.pieces(between: "n1;").count == 3 }
    client.send(get("/g3", cookie: "bob"))
    _ = try await client.wait(for: "n2;")
    client.send(get("/g4"))
    _ = try await client.wait { text, _ in text.pieces(between: ";").count >= 4 }
    await edge.stop()
  }

  @Test(arguments: ["Negotiate abc", "NTLM"])
  func connectionsThatAuthenticateAreNotShared(_ scheme: String) async throws {
    let service = try await TestService { _, connection in
      connection.send(
        "HTTP/1.1 401 No\r\nContent-Length: 3\r\nWWW-Authenticate: \(scheme)\r\n\r\nn\(connection.number);")
    }
    let (edge, client) = try await edge(service)
    client.send(get("/1"))
    _ = try await client.wait(for: "n1;")
    client.send(get("/2"))
    _ = try await client.wait(for: "n2;")
    await edge.stop()
  }

  @Test func aVisitorWhoAuthenticatesTheConnectionKeepsItAlone() async throws {
    let service = try await TestService { _, connection in connection.reply("n\(connection.number);") }
    let (edge, client) = try await edge(service)
    client.send(get("/1", "Authorization: Basic eDp5\r\nAuthorization: NTLM abc\r\n"))
    _ = try await client.wait(for: "n1;")
    client.send(get("/2"))
    _ = try await client.wait(for: "n2;")
    await edge.stop()
  }

  @Test func thePoolCanBeTurnedOff() async throws {
    let service = try await TestService { _, connection in connection.reply("n\(connection.number);") }
    let (edge, client) = try await edge(service) { $0.tunnelPool = .off }
    client.send(get("/1"))
    _ = try await client.wait(for: "n1;")
    client.send(get("/2"))
    _ = try await client.wait(for: "n2;")
    await edge.stop()
  }

  @Test func `a route may share no connection, or one among the requests of a session`() async throws {
    let service = try await TestService { _, connection in connection.reply("n\(connection.number);") }
    var route = try TestEdge.route()
    route.balance.pool = .off
    let edge = try await TestEdge(routes: [route])
    edge.publish(route, port: service.port)
    let client = try await edge.client()
    for number in 1...3 {
      client.send(get("/", cookie: "alice"))
      _ = try await client.wait(for: "n\(number);")
    }
    route.balance.pool = .session
    edge.routes.replace([route])
    edge.proxy.reconsider(.everything)
    client.clear()
    for (cookie, number) in [("alice", 4), ("alice", 4), ("bob", 5), ("alice", 4), ("bob", 5)] {
      client.clear()
      client.send(get("/", cookie: cookie))
      _ = try await client.wait(for: "n\(number);")
    }
    await edge.stop()
  }

  @Test func idleChannelsAreClosedBeforeTheServiceWould() async throws {
    let service = try await TestService()
    let (edge, client) = try await edge(service) { $0.pooledIdleTime = 40 }
    client.send(get())
    _ = try await client.wait(for: "hello")
    while service.closed.withLock({ $0 }) == 0 { await Task.yield() }
    await edge.stop()
  }

  // MARK: Retries

  @Test func aStaleChannelIsReplacedForSafeRequests() async throws {
    let service = try await TestService { head, connection in
      if head.contains("/2 "), connection.number == 1 {
        connection.close()
      } else {
        connection.reply("n\(connection.number);")
      }
    }
    let (edge, client) = try await edge(service)
    client.send(get("/1"))
    _ = try await client.wait(for: "n1;")
    client.send(get("/2"))
    _ = try await client.wait(for: "n2;")
    await edge.stop()
  }

  @Test func aRequestThatChangesThingsIsNotSentTwice() async throws {
    let posts = Mutex(0)
    let service = try await TestService { head, connection in
      if head.hasPrefix("POST") {
        posts.withLock { $0 += 1 }
        connection.close()
      } else {
        connection.reply("ok")
      }
    }
    let (edge, client) = try await edge(service)
    client.send(get("/1"))
    _ = try await client.wait(for: "\r\n\r\nok")
    client.send(get("/2", method: "POST", "Content-Length: 0\r\n"))
    #expect(try await client.wait(for: "service_broke").contains("502 Bad Gateway"))
    #expect(posts.withLock { $0 } == 1)
    await edge.stop()
  }

  @Test func aSafeRequestIsRetriedOnceOnly() async throws {
    let tries = Mutex(0)
    let service = try await TestService { head, connection in
      if head.contains("/1 ") {
        connection.reply("ok")
      } else {
        tries.withLock { $0 += 1 }
        connection.close()
      }
    }
    let (edge, client) = try await edge(service)
    client.send(get("/1"))
    _ = try await client.wait(for: "\r\n\r\nok")
    client.send(get("/2"))
    #expect(try await client.wait(for: "service_broke").contains("502 Bad Gateway"))
    #expect(tries.withLock { $0 } == 2)
    await edge.stop()
  }
}
