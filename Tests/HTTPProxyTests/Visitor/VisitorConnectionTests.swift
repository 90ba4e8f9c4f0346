import NIOCore
import Routing
import Synchronization
import Testing

@testable import HTTPProxy

@Suite(.timeLimit(.minutes(4))) struct VisitorConnectionTests {
  private func edge(
    _ service: TestService, configure: (inout HTTPProxyConfiguration) -> Void = { _ in }
  ) async throws -> (TestEdge, RawClient) {
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route], configure: configure)
    edge.publish(route, port: service.port)
    return (edge, try await edge.client())
  }

  @Test func mistakesAreAnsweredOnceAndEndTheConnection() async throws {
    let (edge, client) = try await edge(TestService())
    client.send("GET / HTTP/1.1\r\nHost : a\r\n\r\n" + get())
    let answer = try await client.waitUntilClosed()
    #expect(answer.hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
    #expect(answer.lowercased().contains("connection: close"))
    #expect(answer.pieces(between: "HTTP/1.1 ").count == 2)
    await edge.stop()
  }

  @Test func aBrokenBodyNeverBecomesARequest() async throws {
    let service = try await TestService { _, _ in }
    let (edge, client) = try await edge(service)
    client.send(get("/1", method: "POST", "Transfer-Encoding: chunked\r\n", body: "3\r\nabcX" + get("/2")))
    let answer = try await client.waitUntilClosed()
    #expect(answer.hasPrefix("HTTP/1.1 400"))
    #expect(service.heads.withLock { $0.count } <= 1)
    await edge.stop()
  }

  @Test func aBrokenRestOfAnAnsweredBodyIsNotAnsweredAgain() async throws {
    let (edge, client) = try await edge(TestService())
    client.send(get("/", method: "POST", "Transfer-Encoding: chunked\r\n", body: "3\r\nabc\r\n"))
    _ = try await client.wait(for: "\r\n\r\nhello")
    client.send("zzz\r\n")
    #expect(try await client.waitUntilClosed().pieces(between: "HTTP/1.1 ").count == 2)
    await edge.stop()
  }

  /// Who sends requests and reads no answers must not make us keep the answers.
  @Test func answersAreNotPiledUpForWhoDoesNotRead() async throws {
    let (edge, _) = try await edge(TestService())
    let client = try await RawClient(port: edge.port, isNarrow: true)
    try await client.setReading(false)
    let request = get("/.pomerium/" + String(repeating: "x", count: 2000), cookie: nil)
    let count = 500
    client.send(String(repeating: request, count: count))
    var answered = -1
    // Until it comes to rest: everything behind what the sockets take is left unread.
    while edge.log.lines.count != answered {
      answered = edge.log.lines.count
      try await Task.sleep(for: .milliseconds(300))
    }
    #expect(answered < count)
    try await client.setReading(true)
    try await client.wait(bytes: count * 2000)
    await edge.stop()
  }

  /// Longer than what may wait unread, shorter than a head may be.
  @Test func aLongHeadIsReadToItsEnd() async throws {
    let (edge, client) = try await edge(TestService())
    client.send(get("/", "X-Large: \(String(repeating: "a", count: 80_000))\r\n"))
    _ = try await client.wait(for: "\r\n\r\nhello")
    await edge.stop()
  }

  @Test func aSlowHeadIs408AndASilentConnectionJustEnds() async throws {
    try await withTimeLimits([1000, 5000, 20_000]) { limit in
      let (edge, client) = try await edge(TestService()) { $0.readTimeout = limit }
      client.send("GET / HTTP/1.1\r\nHost: a")
      let silent = try await edge.client()
      let answer = try await client.waitUntilClosed()
      #expect(try await silent.waitUntilClosed() == "")
      await edge.stop()
      return answer.hasPrefix("HTTP/1.1 408")
    }
  }

  @Test func aTrickledHeadIsNoExcuse() async throws {
    try await withTimeLimits([1000, 5000, 20_000]) { limit in
      let (edge, client) = try await edge(TestService()) { $0.readTimeout = limit }
      let trickle = Task {
        // Not beyond the answer: bytes after it would make the kernel reset the connection under it.
        while !Task.isCancelled, !client.isClosed, client.byteCount == 0 {
          client.send("X")
          try await Task.sleep(for: .milliseconds(20))
        }
      }
      let answer = try await client.waitUntilClosed()
      trickle.cancel()
      await edge.stop()
      return answer.hasPrefix("HTTP/1.1 408")
    }
  }

  @Test func silenceWithinABodyIs408() async throws {
    try await withTimeLimits([1000, 5000, 20_000]) { limit in
      let (edge, client) = try await edge(TestService { _, _ in }) { $0.readTimeout = limit }
      client.send(get("/", method: "POST", "Content-Length: 10\r\n", body: "abc"))
      let answer = try await client.waitUntilClosed()
      await edge.stop()
      return answer.hasPrefix("HTTP/1.1 408")
    }
  }

  @Test func anIdleConnectionEndsInTheEnd() async throws {
    try await withTimeLimits([100, 2000, 20_000]) { limit in
      let (edge, client) = try await edge(TestService()) { $0.idleTimeout = limit }
      client.send(get())
      let answer = try await client.waitUntilClosed()
      await edge.stop()
      return answer.hasSuffix("hello")
    }
  }

  @Test func whoHangsUpEndsTheRequest() async throws {
    let arrived = Mutex(false)
    let service = try await TestService { _, _ in arrived.withLock { $0 = true } }
    let (edge, client) = try await edge(service)
    client.send(get())
    while !arrived.withLock({ $0 }) { await Task.yield() }
    await client.close()
    while service.closed.withLock({ $0 }) == 0 { await Task.yield() }
    await edge.stop()
    #expect(edge.log.lines.first?.contains("visitor_left") == true)
  }

  @Test func aRefusedShortBodyIsReadAwayAndALongOneEndsTheConnection() async throws {
    let (edge, client) = try await edge(TestService())
    client.send(get("/", cookie: nil, method: "POST", "Content-Length: 5\r\n", body: "hello") + get("/2"))
    let answer = try await client.wait(for: "\r\n\r\nhello")
    #expect(answer.hasPrefix("HTTP/1.1 401"))
    let second = try await edge.client()
    second.send(get("/", cookie: nil, method: "POST", "Content-Length: 9999999\r\n", body: "hello"))
    #expect(try await second.waitUntilClosed().lowercased().contains("connection: close"))
    let third = try await edge.client()
    third.send(get("/", cookie: nil, method: "POST", "Expect: 100-continue\r\nContent-Length: 5\r\n"))
    #expect(try await third.waitUntilClosed().hasPrefix("HTTP/1.1 401"))
    await edge.stop()
  }

  @Test func connectionsAreBounded() async throws {
    let (edge, client) = try await edge(TestService()) { $0.connections.total = 2 }
    client.send(get())
    _ = try await client.wait(for: "hello")
    let second = try await edge.client()
    second.send(get())
    _ = try await second.wait(for: "hello")
    let third = try await edge.client()
    _ = try await third.waitUntilClosed()
    await second.close()
    while edge.proxy.connectionCount > 1 { await Task.yield() }
    let fourth = try await edge.client()
    fourth.send(get())
    _ = try await fourth.wait(for: "hello")
    await edge.stop()
  }

  @Test func drainingLetsRequestsFinish() async throws {
    let connections = Mutex<[TestService.Connection]>([])
    let service = try await TestService { _, connection in connections.withLock { $0.append(connection) } }
    let (edge, client) = try await edge(service)
    let idle = try await edge.client()
    client.send(get())
    while connections.withLock({ $0.isEmpty }) { await Task.yield() }
    async let drained: Void = edge.proxy.drain(deadline: .now() + .seconds(20))
    _ = try await idle.waitUntilClosed()
    connections.withLock { $0.first }?.reply("last")
    let answer = try await client.waitUntilClosed()
    #expect(answer.hasSuffix("last") && answer.lowercased().contains("connection: close"))
    await drained
    await #expect(throws: (any Error).self) { try await RawClient(port: edge.port) }
  }

  @Test func drainingEndsAtItsDeadline() async throws {
    let (edge, client) = try await edge(TestService { _, connection in connection.send("HTTP/1.1 200 OK\r\n\r\nabc") })
    client.send(get())
    _ = try await client.wait(for: "abc")
    await edge.proxy.drain(deadline: .now() + .milliseconds(50))
    _ = try await client.waitUntilClosed()
  }
}
