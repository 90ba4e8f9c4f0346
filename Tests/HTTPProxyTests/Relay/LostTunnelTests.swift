import NIOCore
import Policy
import Routing
import Synchronization
import Testing

@testable import HTTPProxy

/// The loss of a tunnel is hidden from visitors where that is safe (security rule 26).
@Suite(.timeLimit(.minutes(4))) struct LostTunnelTests {
  /// Takes requests and is lost before it answers, or in the middle of it.
  private final class LostTunnel: StreamOpener {
    let requests = Mutex(0)
    let answer: String
    /// What happens in the registry before the streams end, as on a connection that is gone.
    private let whenAsked = Mutex<@Sendable () -> Void>({})

    init(answer: String = "") { self.answer = answer }

    func onRequest(_ action: @escaping @Sendable () -> Void) { whenAsked.withLock { $0 = action } }

    func open(_ request: StreamRequest, on eventLoop: any EventLoop) -> EventLoopFuture<NIOLoopBound<any ByteStream>> {
      eventLoop.submit { NIOLoopBound(LostStream(self, eventLoop) as any ByteStream, eventLoop: eventLoop) }
    }

    fileprivate func wasAsked() {
      requests.withLock { $0 += 1 }
      whenAsked.withLock { $0 }()
    }
  }

  private final class LostStream: ByteStream {
    let eventLoop: any EventLoop
    var consumer: (any ByteStreamConsumer)?
    private let tunnel: LostTunnel
    private var isLost = false

    init(_ tunnel: LostTunnel, _ eventLoop: any EventLoop) {
      self.tunnel = tunnel
      self.eventLoop = eventLoop
    }

    var isWritable: Bool { true }
    func write(_ bytes: ByteBuffer) {}
    func flush() {
      guard !isLost else { return }
      isLost = true
      let this = NIOLoopBound(self, eventLoop: eventLoop)
      eventLoop.execute {
        let stream = this.value
        if !stream.tunnel.answer.isEmpty {
          stream.consumer?.streamDidRead(ByteBuffer(string: stream.tunnel.answer))
          stream.consumer?.streamDidCompleteRead()
        }
        stream.tunnel.wasAsked()
        stream.end(.connectionLost)
      }
    }
    func finishWriting() {}
    func pauseReading() {}
    func resumeReading() {}
    func close(_ end: StreamEnd) { self.end(end) }

    private func end(_ end: StreamEnd) {
      let last = consumer
      consumer = nil
      last?.streamDidClose(end)
    }
  }

  private func published(_ tunnel: LostTunnel, _ edge: TestEdge, _ route: Route) throws {
    let lost = try #require(edge.publish(route, port: 1, opener: tunnel))
    let registry = edge.registry
    tunnel.onRequest { registry.release(lost.id, why: .connectionLost) }
  }

  @Test(arguments: ["GET", "HEAD", "OPTIONS"]) func anotherTunnelAnswersInstead(_ method: String) async throws {
    let service = try await TestService()
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route])
    let tunnel = LostTunnel()
    try published(tunnel, edge, route)
    let client = try await edge.client()
    let other = try #require(edge.publish(route, port: service.port))
    // Both have proved themselves: turns are taken.
    edge.registry.confirm(connectionID: "c1")
    for _ in 0..<2 {
      client.clear()
      client.send(get("/", method: method))
      #expect(try await client.wait(for: "\r\n\r\n").hasPrefix("HTTP/1.1 200"))
    }
    #expect(tunnel.requests.withLock { $0 } == 1 && other.counters.openRequests == 0)
    await edge.stop()
  }

  @Test func aRequestThatMayHaveHadItsEffectIsNotSentTwice() async throws {
    let service = try await TestService()
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route])
    let tunnel = LostTunnel()
    try published(tunnel, edge, route)
    let client = try await edge.client()
    client.send(get("/", method: "POST", "Content-Length: 3\r\n", body: "abc"))
    #expect(try await client.wait(for: "service_broke").hasPrefix("HTTP/1.1 502"))
    edge.publish(route, port: service.port)
    #expect(service.heads.withLock { $0.isEmpty })
    await edge.stop()
  }

  @Test func afterTheFirstByteOfAnAnswerTheVisitorSeesItBreakOff() async throws {
    let service = try await TestService()
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route])
    let tunnel = LostTunnel(answer: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
    try published(tunnel, edge, route)
    let client = try await edge.client()
    client.send(get())
    let text = try await client.waitUntilClosed()
    #expect(text.hasSuffix("abc") && service.heads.withLock { $0.isEmpty })
    await edge.stop()
  }

  @Test func theOnlyTunnelMayComeBack() async throws {
    let service = try await TestService()
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route])
    let tunnel = LostTunnel()
    let lost = try #require(edge.publish(route, port: 1, opener: tunnel))
    let registry = edge.registry
    let back = edge
    let port = service.port
    tunnel.onRequest {
      registry.release(lost.id, why: .connectionLost)
      TestEdge.group.next().execute { _ = back.publish(route, port: port) }
    }
    let client = try await edge.client()
    client.send(get())
    _ = try await client.wait(for: "hello")
    #expect(tunnel.requests.withLock { $0 } == 1)
    await edge.stop()
  }

  /// Waiting for the tunnel has the grace for its limit, not the service's time to answer.
  @Test func whoWaitsForATunnelIsNotLate() async throws {
    let service = try await TestService()
    let route = try TestEdge.route()
    try await withTimeLimits([500, 5000, 30_000]) { limit in
      let edge = try await TestEdge(routes: [route]) { $0.upstreamTimeout = limit }
      let lost = try #require(edge.publish(route, port: 1))
      edge.registry.release(lost.id, why: .connectionLost)
      let client = try await edge.client()
      client.send(get("/", method: "POST", "Content-Length: 3\r\n", body: "abc"))
      while edge.registry.parkedCount == 0 { await Task.yield() }
      try await Task.sleep(for: .milliseconds(limit + 300))
      #expect(edge.registry.parkedCount == 1)
      edge.publish(route, port: service.port)
      let answer = try await client.wait { text, _ in text.contains("hello") || text.contains("timeout") }
      await edge.stop()
      return answer.hasPrefix("HTTP/1.1 200")
    }
  }

  @Test func onlyOneOtherIsTried() async throws {
    let service = try await TestService()
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route])
    let lost = [LostTunnel(), LostTunnel(), LostTunnel()]
    for (number, tunnel) in lost.enumerated() {
      _ = try #require(edge.publish(route, port: number + 1, opener: tunnel))
    }
    for number in 1...3 { edge.registry.confirm(connectionID: "c\(number)") }
    let client = try await edge.client()
    client.send(get())
    #expect(try await client.wait(for: "service_broke").hasPrefix("HTTP/1.1 502"))
    #expect(lost.reduce(0) { count, tunnel in count + tunnel.requests.withLock { $0 } } == 2)
    #expect(service.heads.withLock { $0.isEmpty })
    await edge.stop()
  }

  /// Its connection is over, and the registry does not know it yet.
  private struct GoneTunnel: StreamOpener {
    func open(_ request: StreamRequest, on eventLoop: any EventLoop) -> EventLoopFuture<NIOLoopBound<any ByteStream>> {
      eventLoop.makeFailedFuture(StreamOpenFailure.gone)
    }
  }

  @Test func whoWaitsIsNotSentBackToWhatHasJustFailed() async throws {
    let service = try await TestService()
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route])
    edge.publish(route, port: 1, opener: GoneTunnel())
    // The name is kept for its person because of this one.
    let lost = try #require(edge.publish(route, port: 2))
    edge.registry.release(lost.id, why: .connectionLost)
    let client = try await edge.client()
    client.send(get())
    while edge.registry.parkedCount == 0 { await Task.yield() }
    edge.publish(route, port: service.port)
    #expect(try await client.wait(for: "hello").hasPrefix("HTTP/1.1 200"))
    await edge.stop()
  }
}
