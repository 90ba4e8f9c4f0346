import Foundation
import NIOCore
import Policy
import Routing
import Synchronization
import Testing

@testable import HTTPProxy

/// Security rule 28: what was admitted under one configuration, session or time ends with it.
@Suite(.timeLimit(.minutes(4))) struct LiveRightsTests {
  /// An edge on which a download has begun that never ends by itself.
  private func streaming(expiresAt: UnixTime? = nil) async throws -> (TestEdge, RawClient, TestService, Route) {
    let service = try await TestService { _, connection in
      connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
    }
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route])
    if let expiresAt { edge.identity.signIn("alice", expiresAt: expiresAt) }
    edge.publish(route, port: service.port)
    let client = try await edge.client()
    client.send(get())
    _ = try await client.wait(for: "data: 1")
    return (edge, client, service, route)
  }

  @Test func aChangedPolicyEndsAStream() async throws {
    let (edge, client, service, _) = try await streaming()
    edge.routes.replace([try TestEdge.route(policy: .denyAll)])
    edge.proxy.reconsider(.everything)
    let text = try await client.waitUntilClosed()
    #expect(!text.hasSuffix("0\r\n\r\n"))
    while service.closed.withLock({ $0 }) == 0 { await Task.yield() }
    await edge.stop()
    #expect(edge.log.lines.first?.contains("right_ended") == true)
  }

  @Test func aChangeThatChangesNothingLeavesTheStreamAlone() async throws {
    let (edge, client, _, route) = try await streaming()
    edge.routes.replace([route])
    edge.proxy.reconsider(.everything)
    let second = try await edge.client()
    second.send(get("/2", cookie: "bob"))
    _ = try await second.wait(for: "data: 1")
    #expect(!client.isClosed)
    await edge.stop()
  }

  @Test func theEndOfASessionEndsItsStreamsOnly() async throws {
    let (edge, client, _, _) = try await streaming()
    let bob = try await edge.client()
    bob.send(get("/", cookie: "bob"))
    _ = try await bob.wait(for: "data: 1")
    edge.identity.end("alice")
    _ = try await client.waitUntilClosed()
    #expect(!bob.isClosed)
    let again = try await edge.client()
    again.send(get())
    #expect(try await again.wait(for: "sign in").hasPrefix("HTTP/1.1 401"))
    await edge.stop()
  }

  @Test func aStreamEndsWhenItsSessionExpires() async throws {
    let now = UnixTime(milliseconds: Int64(Date.now.timeIntervalSince1970 * 1000))
    let (edge, client, _, _) = try await streaming(expiresAt: UnixTime(milliseconds: now.milliseconds + 3_600_000))
    #expect(!client.isClosed)
    edge.clockOffset.advance(seconds: 7200)
    _ = try await client.waitUntilClosed()
    await edge.stop()
  }

  /// Many sessions at once: the loop looks at each stream once, and none of them is forgotten.
  @Test func manySessionsThatEndTogether() async throws {
    let (edge, alice, _, _) = try await streaming()
    var clients: [RawClient] = []
    for number in 0..<40 {
      edge.identity.signIn("crowd-\(number)")
      let client = try await edge.client()
      client.send(get("/", cookie: "crowd-\(number)"))
      _ = try await client.wait(for: "data: 1")
      clients.append(client)
    }
    for number in 0..<40 where number != 7 { edge.identity.end("crowd-\(number)") }
    for (number, client) in clients.enumerated() where number != 7 { _ = try await client.waitUntilClosed() }
    #expect(!clients[7].isClosed && !alice.isClosed)
    await edge.stop()
  }

  /// Security rule 30: nobody can say whose session was ended elsewhere.
  @Test func aLostStoreRefusesWhoIsSignedInAndLeavesWhatIsOpen() async throws {
    let (edge, client, _, _) = try await streaming()
    edge.proxy.setStoreLost(true)
    let second = try await edge.client()
    second.send(get("/2"))
    #expect(try await second.wait(for: "\r\n\r\n").hasPrefix("HTTP/1.1 503"))
    edge.proxy.reconsider(.everything)
    let third = try await edge.client()
    third.send(get("/3", cookie: nil))
    #expect(try await third.wait(for: "\r\n\r\n").hasPrefix("HTTP/1.1 401"))
    #expect(!client.isClosed)
    edge.proxy.setStoreLost(false)
    let fourth = try await edge.client()
    fourth.send(get("/4"))
    _ = try await fourth.wait(for: "data: 1")
    await edge.stop()
  }

  @Test func aWebSocketEndsToo() async throws {
    let service = try await TestService { _, connection in
      connection.send(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
    }
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route])
    edge.publish(route, port: service.port)
    let client = try await edge.client()
    client.send(
      get(
        "/",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
      ))
    _ = try await client.wait(for: "101")
    edge.openStreams.reconsider { $0.sessionID == "alice" }
    edge.routes.replace([])
    edge.openStreams.reconsider { $0.routeID == route.id }
    _ = try await client.waitUntilClosed()
    await edge.stop()
  }

  @Test func aRequestWithoutAnAnswerYetIsRefusedInWords() async throws {
    let arrived = Mutex(false)
    let service = try await TestService { _, _ in arrived.withLock { $0 = true } }
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route])
    edge.publish(route, port: service.port)
    let client = try await edge.client()
    client.send(get())
    while !arrived.withLock({ $0 }) { await Task.yield() }
    edge.routes.replace([try TestEdge.route(policy: .denyAll)])
    edge.proxy.reconsider(.everything)
    #expect(try await client.wait(for: "policy_denied").hasPrefix("HTTP/1.1 403"))
    await edge.stop()
  }

  @Test func theNextRequestIsDecidedAnew() async throws {
    let service = try await TestService()
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route])
    edge.publish(route, port: service.port)
    let client = try await edge.client()
    client.send(get())
    _ = try await client.wait(for: "hello")
    // No reconsider: the table alone must do.
    edge.routes.replace([try TestEdge.route(policy: .denyAll)])
    client.send(get())
    _ = try await client.wait(for: "policy_denied")
    edge.routes.replace([route])
    client.clear()
    client.send(get())
    _ = try await client.wait(for: "hello")
    await edge.stop()
  }

  /// Whatever it leads to is found by the route that it was decided by last.
  @Test func aRequestThatWaitsGoesByTheRouteInForce() async throws {
    let service = try await TestService()
    let route = try TestEdge.route { $0.setRequestHeaders = [("X-Route", "old")] }
    let edge = try await TestEdge(routes: [route])
    let lost = try #require(edge.publish(route, port: 1))
    edge.registry.release(lost.id, why: .connectionLost)
    let client = try await edge.client()
    client.send(get())
    while edge.registry.parkedCount == 0 { await Task.yield() }
    edge.routes.replace([try TestEdge.route { $0.setRequestHeaders = [("X-Route", "new")] }])
    edge.proxy.reconsider(.everything)
    // Both loops have done so.
    for loop in TestEdge.group.makeIterator() { try await loop.submit {}.get() }
    edge.publish(route, port: service.port)
    _ = try await client.wait(for: "hello")
    #expect(service.lastHead.contains("X-Route: new"))
    await edge.stop()
  }
}
