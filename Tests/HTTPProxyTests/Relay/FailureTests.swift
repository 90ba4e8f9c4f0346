import NIOCore
import Policy
import Routing
import Testing

@testable import HTTPProxy

/// The causes of a missing page, told apart (product.md, the visitor's side).
@Suite(.timeLimit(.minutes(4))) struct FailureTests {
  /// Fails as it is told to.
  private struct FailingOpener: StreamOpener {
    var failure: StreamOpenFailure
    func open(_ request: StreamRequest, on eventLoop: any EventLoop) -> EventLoopFuture<NIOLoopBound<any ByteStream>> {
      eventLoop.makeFailedFuture(failure)
    }
  }

  private func answer(to failure: StreamOpenFailure) async throws -> String {
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route])
    edge.publish(route, port: 1, opener: FailingOpener(failure: failure))
    let client = try await edge.client()
    client.send(get("/", method: "POST", "Content-Length: 3\r\n", body: "abc"))
    let text = try await client.wait { text, _ in text.contains("_") }
    await edge.stop()
    return String(text.dropFirst(9).prefix(3)) + " " + (text.pieces(between: "\r\n\r\n").last ?? "")
  }

  @Test func eachCauseHasItsStatus() async throws {
    #expect(try await answer(to: .refused("connect failed")) == "502 service_refused")
    #expect(try await answer(to: .outOfResources) == "503 service_out_of_resources")
    #expect(try await answer(to: .timedOut) == "504 upstream_response_timeout")
    #expect(try await answer(to: .gone) == "503 no_tunnel")
    #expect(try await answer(to: .notPermitted) == "503 owner_may_not_publish")
    #expect(try await answer(to: .wrongForwardKind).hasPrefix("502 service_broke"))
  }

  @Test func noTunnelAndADetachedOneAreTold() async throws {
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route])
    let client = try await edge.client()
    client.send(get())
    #expect(try await client.wait(for: "no_tunnel").hasPrefix("HTTP/1.1 503"))
    let service = try await TestService()
    let binding = try #require(edge.publish(route, port: service.port))
    edge.registry.setState(binding.id, .detached(.notPermitted))
    client.clear()
    client.send(get())
    #expect(try await client.wait(for: "owner_may_not_publish").hasPrefix("HTTP/1.1 503"))
    edge.registry.setState(binding.id, .attached)
    client.clear()
    client.send(get())
    _ = try await client.wait(for: "hello")
    await edge.stop()
  }

  @Test func anotherTunnelIsTriedWhenOneRefuses() async throws {
    let service = try await TestService()
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route])
    edge.publish(route, port: 1, opener: FailingOpener(failure: .refused("no")))
    edge.publish(route, port: service.port)
    for _ in 0..<4 {
      let client = try await edge.client()
      client.send(get("/", method: "POST", "Content-Length: 0\r\n"))
      _ = try await client.wait(for: "hello")
      await client.close()
    }
    await edge.stop()
  }

  @Test func aRequestWaitsForATunnelThatWasJustLost() async throws {
    let service = try await TestService()
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route])
    let binding = try #require(edge.publish(route, port: service.port))
    edge.registry.release(binding.id, why: .connectionLost)
    let client = try await edge.client()
    client.send(get("/", method: "POST", "Content-Length: 3\r\n", body: "abc"))
    let second = try await edge.client()
    second.send(get("/.pomerium/"))
    _ = try await second.wait(for: "own")
    edge.publish(route, port: service.port)
    _ = try await client.wait(for: "hello")
    await edge.stop()
  }

  @Test func aServiceThatDoesNotAnswerIs504() async throws {
    let service = try await TestService { _, _ in }
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route]) { $0.upstreamTimeout = 100 }
    edge.publish(route, port: service.port)
    let client = try await edge.client()
    client.send(get())
    #expect(try await client.wait(for: "upstream_response_timeout").hasPrefix("HTTP/1.1 504"))
    await edge.stop()
  }

  @Test func aRoutesOwnTimeoutBoundsTheWholeExchange() async throws {
    let service = try await TestService { _, connection in
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
    }
    try await withTimeLimits([1000, 5000, 30_000]) { limit in
      let route = try TestEdge.route { $0.timeout = limit }
      let edge = try await TestEdge(routes: [route]) { $0.pooledIdleTime = 200 }
      edge.publish(route, port: service.port)
      let client = try await edge.client()
      client.send(get())
      // A service that has said nothing yet is another matter.
      let answer = try await client.wait { text, isClosed in isClosed || text.contains("timeout") }
      await edge.stop()
      guard answer.hasSuffix("abc") else { return false }
      #expect(edge.log.lines.first?.contains("route_timeout") == true)
      return true
    }
  }

  @Test func aServiceThatIsNotThereIs502() async throws {
    let target = RouteTarget(scheme: .http, host: "127.0.0.1", port: 1, portIsExplicit: true)
    let route = try TestEdge.route(targets: [target], isTunnel: false)
    let edge = try await TestEdge(routes: [route])
    let client = try await edge.client()
    client.send(get())
    #expect(try await client.wait(for: "service_refused").hasPrefix("HTTP/1.1 502"))
    await edge.stop()
  }
}
