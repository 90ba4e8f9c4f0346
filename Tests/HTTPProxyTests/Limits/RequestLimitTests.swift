import NIOCore
import Routing
import Synchronization
import Testing

@testable import HTTPProxy

/// What a route's limits do to requests.
@Suite(.timeLimit(.minutes(4))) struct RequestLimitTests {
  private func edge(
    _ service: TestService, limits: (inout RequestLimits) -> Void
  ) async throws -> (TestEdge, RawClient) {
    let route = try TestEdge.route { limits(&$0.limits) }
    let edge = try await TestEdge(routes: [route])
    edge.publish(route, port: service.port)
    return (edge, try await edge.client())
  }

  @Test func aLengthBeyondTheLimitGoesNowhere() async throws {
    let service = try await TestService()
    let (edge, client) = try await edge(service) { $0.bodyBytes = 10 }
    client.send(get("/", method: "POST", "Expect: 100-continue\r\nContent-Length: 11\r\n"))
    let answer = try await client.waitUntilClosed()
    // No 100 first: the body is not wanted.
    #expect(answer.hasPrefix("HTTP/1.1 413 ") && answer.contains("request_payload_too_large"))
    #expect(service.connections == 0)
    let second = try await edge.client()
    second.send(get("/", method: "POST", "Content-Length: 10\r\n", body: "0123456789"))
    _ = try await second.wait(for: "hello")
    #expect(await edge.proxy.counts().limits[VisitorLimit.body.rawValue] == 1)
    await edge.stop()
  }

  @Test func chunksAreAddedUp() async throws {
    let service = try await TestService { _, _ in }
    let (edge, client) = try await edge(service) { $0.bodyBytes = 10 }
    client.send(get("/", method: "POST", "Transfer-Encoding: chunked\r\n", body: "8\r\n01234567\r\n"))
    while service.connections == 0 { await Task.yield() }
    client.send("3\r\n012\r\n0\r\n\r\n")
    #expect(try await client.waitUntilClosed().hasPrefix("HTTP/1.1 413 "))
    // Half a request must not become somebody else's.
    while service.closed.withLock({ $0 }) == 0 { await Task.yield() }
    await edge.stop()
  }

  @Test func aBodyThatGrowsTooLongAfterTheAnswerBeganEndsTheConnection() async throws {
    let service = try await TestService { _, connection in
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin")
    }
    let (edge, client) = try await edge(service) { $0.bodyBytes = 10 }
    client.send(get("/", method: "POST", "Transfer-Encoding: chunked\r\n", body: "8\r\n01234567\r\n"))
    _ = try await client.wait(for: "begin")
    client.send("3\r\n012\r\n")
    #expect(try await client.waitUntilClosed().hasSuffix("begin"))
    await edge.stop()
  }

  @Test func aFastVisitorIsToldToWaitAndKeepsTheConnection() async throws {
    let (edge, client) = try await edge(TestService()) {
      $0.visitor.rate = RequestRate(count: 1, period: 60_000_000_000, burst: 2)
    }
    client.send(get("/1") + get("/2") + get("/3") + get("/4", cookie: "bob"))
    let answer = try await client.wait { text, _ in text.pieces(between: "HTTP/1.1 ").count == 5 }
    let statuses = answer.pieces(between: "HTTP/1.1 ").dropFirst().map { $0.prefix(3) }
    // By person, not by address.
    #expect(statuses == ["200", "200", "429", "200"])
    await edge.stop()
    #expect(edge.log.lines.contains { $0.contains("request_rate_limited") })
    #expect(await edge.proxy.counts().limits[VisitorLimit.visitorRate.rawValue] == 1)
  }

  @Test func placesAreGivenBackHoweverARequestEnds() async throws {
    let held = Mutex<[TestService.Connection]>([])
    let service = try await TestService { _, connection in held.withLock { $0.append(connection) } }
    let (edge, client) = try await edge(service) {
      $0.visitor.concurrent = 1
      $0.route.concurrent = 2
    }
    func hold(_ count: Int) async { while held.withLock({ $0.count }) < count { await Task.yield() } }
    client.send(get())
    await hold(1)
    let second = try await edge.client()
    second.send(get())
    #expect(try await second.wait(for: "too_many_requests_at_once").hasPrefix("HTTP/1.1 429 "))
    second.send(get("/", cookie: "bob"))
    await hold(2)
    edge.identity.signIn("carol")
    let third = try await edge.client()
    third.send(get("/", cookie: "carol"))
    #expect(try await third.wait(for: "route_is_busy").hasPrefix("HTTP/1.1 503 "))
    // One visitor leaves, one service breaks off.
    await client.close()
    held.withLock { $0.last }?.close()
    _ = try await second.wait(for: "502 Bad Gateway")
    while service.closed.withLock({ $0 }) < 2 { await Task.yield() }
    third.clear()
    third.send(get("/", cookie: "carol"))
    await hold(3)
    held.withLock { $0.last }?.reply("mine")
    _ = try await third.wait(for: "mine")
    await edge.stop()
  }
}
