import Foundation
import NIOCore
import Policy
import Routing
import Synchronization
import Testing

@testable import HTTPProxy

/// What a publisher's screen is told of the requests through their tunnel.
@Suite(.timeLimit(.minutes(4))) struct TrafficTests {
  private static let now = UnixTime(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))

  private func watched(_ binding: Binding?) throws -> TunnelTraffic {
    let traffic = try #require(binding).traffic
    traffic.watch(since: Self.now) {}
    return traffic
  }

  /// The newest request once it is as wanted.
  private func newest(
    _ traffic: TunnelTraffic, _ isWanted: (TrafficRecord) -> Bool
  ) async throws -> TrafficRecord {
    while true {
      if let record = traffic.snapshot(now: Self.now)?.requests.first, isWanted(record) { return record }
      await Task.yield()
    }
  }

  @Test func aRequestIsToldWithItsVisitorAndWithoutItsQuery() async throws {
    let service = try await TestService { _, connection in connection.reply("12345") }
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route])
    let binding = edge.publish(route, port: service.port)
    let client = try await edge.client()
    client.send(get("/before"))
    _ = try await client.wait(for: "12345")
    client.clear()
    let traffic = try watched(binding)
    client.send(get("/a/b?token=hunter2", method: "POST", "Content-Length: 3\r\n", body: "abc"))
    _ = try await client.wait(for: "12345")
    let record = try await newest(traffic) { $0.ending != nil }
    #expect(record.path == "/a/b" && record.method == "POST" && record.host == "app.example.com")
    #expect(record.visitor == TestIdentity.session("alice").subject.displayName)
    #expect(record.progress == TrafficProgress(status: 200, bytesIn: 3, bytesOut: 5, isUpgraded: false))
    #expect(record.ending?.detail == "via_upstream")
    let snapshot = try #require(traffic.snapshot(now: Self.now))
    #expect(snapshot.requests.count == 1 && snapshot.running == 0)
    traffic.unwatch()
    client.clear()
    client.send(get("/after"))
    _ = try await client.wait(for: "12345")
    #expect(traffic.snapshot(now: Self.now) == nil)
    await edge.stop()
    await service.stop()
  }

  @Test func aStreamIsToldWhileItRuns() async throws {
    let service = try await TestService { _, connection in
      connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
    }
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route])
    let traffic = try watched(edge.publish(route, port: service.port))
    let client = try await edge.client()
    client.send(get("/events"))
    let record = try await newest(traffic) { $0.progress.bytesOut == 9 }
    #expect(record.progress.status == 200 && record.ending == nil)
    await client.close()
    let ended = try await newest(traffic) { $0.ending != nil }
    #expect(ended.ending?.detail == "visitor_left" && !ended.isError)
    await edge.stop()
    await service.stop()
  }

  @Test func whoRefusesIsToldAndWhoServesInsteadToo() async throws {
    let service = try await TestService { _, connection in connection.reply("served") }
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route])
    let lone = try await TestService { _, _ in }
    let closed = lone.port
    await lone.stop()
    let good = try watched(edge.publish(route, port: service.port))
    // The newer one is preferred, and nobody listens there.
    let bad = try watched(edge.publish(route, port: closed))
    let client = try await edge.client()
    client.send(get("/x"))
    _ = try await client.wait(for: "served")
    _ = try await newest(good) { $0.ending?.detail == "via_upstream" }
    #expect(bad.snapshot(now: Self.now)?.total == TrafficTotals())
    await edge.stop()

    let alone = try await TestEdge(routes: [route])
    let refused = try watched(alone.publish(route, port: closed))
    let other = try await alone.client()
    other.send(get("/y"))
    _ = try await other.wait(for: "service_refused")
    let record = try await newest(refused) { $0.ending != nil }
    #expect(record.isError && record.ending?.detail == "service_refused" && record.progress.status >= 500)
    await alone.stop()
    await service.stop()
  }
}
