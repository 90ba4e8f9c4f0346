import HTTPWire
import NIOCore
import NIOPosix
import Routing
import Synchronization
import TestSupport
import Testing

@testable import HTTPProxy

/// Visitors and services that both speak HTTP/2: what only it can say arrives.
@Suite(.timeLimit(.minutes(4))) struct HTTP2BothSidesTests {
  private func visitor(_ edge: TestEdge, _ onEvent: @escaping HTTP2TestPeer.Handler) async throws -> (
    any Channel, NIOLoopBound<HTTP2TestPeer>
  ) {
    let channel = try await ClientBootstrap(group: TestEdge.oneLoop).channelInitializer { channel in
      channel.eventLoop.makeCompletedFuture {
        try channel.pipeline.syncOperations.addHandler(HTTP2TestPeer(.client, onEvent: onEvent))
      }
    }.connect(host: "127.0.0.1", port: edge.port).get()
    let peer = try await channel.eventLoop.submit {
      NIOLoopBound(
        try channel.pipeline.syncOperations.handler(type: HTTP2TestPeer.self), eventLoop: channel.eventLoop)
    }.get()
    return (channel, peer)
  }

  private static func head(_ method: RequestMethod, _ path: String, _ fields: [(String, String)]) -> RequestHead {
    RequestHead(
      method: method, target: path, headers: HeaderList([("cookie", "__Host-_pomerium=alice")] + fields),
      authority: Authority(host: "app.example.com"))
  }

  @Test func trailersThatComeBeforeTheServiceIsFoundAreNotLost() async throws {
    let service = try await HTTP2TestService(HTTP2Services.greeter)
    let edge = try await HTTP2Services.edge(service.port)
    let isOver = Mutex(false)
    let (channel, peer) = try await visitor(edge) { event, _ in
      if case .end = event { isOver.withLock { $0 = true } }
    }
    try await channel.eventLoop.submit {
      // Head and trailers in one write: there is no body, and no moment between.
      let id = peer.value.request(Self.head(.post, "/", [("te", "trailers")]), endsStream: false)
      if let id { peer.value.send(id, ByteBuffer(), ends: true, trailers: HeaderList([("x-end", "1")])) }
    }.get()
    try await until("the answer") { isOver.withLock { $0 } }
    #expect(service.has("1: 1 x-end: 1"))
    try await channel.close()
    await edge.stop()
  }

  @Test func aTrailersOnlyAnswerStaysOne() async throws {
    let service = try await HTTP2TestService { event, peer in
      if case .end(let id) = event {
        peer.begin(id, [("content-type", "application/grpc"), ("grpc-status", "5")], endsStream: true)
      }
    }
    let edge = try await HTTP2Services.edge(service.port)
    let told = Mutex<[String]>([])
    let (channel, peer) = try await visitor(edge) { event, _ in
      if case .response(_, let head, let ends) = event {
        told.withLock { $0.append("\(head.status) \(head.headers.first("grpc-status") ?? "") \(ends)") }
      }
    }
    try await channel.eventLoop.submit {
      let fields = [("te", "trailers"), ("content-type", "application/grpc")]
      let id = peer.value.request(Self.head(.post, "/", fields), endsStream: false)
      if let id { peer.value.send(id, ByteBuffer(), ends: true) }
    }.get()
    try await until("the answer") { told.withLock { !$0.isEmpty } }
    #expect(told.withLock { $0 } == ["200 5 true"])
    try await channel.close()
    await edge.stop()
  }

  @Test func whyTheServiceGaveUpReachesTheVisitor() async throws {
    let service = try await HTTP2TestService { event, peer in
      if case .request(let id, _, _) = event {
        peer.begin(id)
        peer.reset(id, .enhanceYourCalm)
      }
    }
    let edge = try await HTTP2Services.edge(service.port)
    let code = Mutex<HTTP2ErrorCode?>(nil)
    let (channel, peer) = try await visitor(edge) { event, _ in
      if case .reset(_, let why, _) = event { code.withLock { $0 = why } }
    }
    try await channel.eventLoop.submit { _ = peer.value.request(Self.head(.get, "/", []), endsStream: true) }.get()
    try await until("the end") { code.withLock { $0 != nil } }
    #expect(code.withLock { $0 } == .enhanceYourCalm)
    try await channel.close()
    await edge.stop()
  }

  /// Only a call may be silent in the middle of its request, and HTTP/1.1 knows none.
  @Test func whatIsCalledACallKeepsNoConnectionOfHTTP1() async throws {
    let route = try TestEdge.route()
    try await withTimeLimits([1000, 5000, 20_000]) { limit in
      let held = try await TestService({ _, _ in })
      let edge = try await TestEdge(routes: [route], group: TestEdge.oneLoop) { $0.readTimeout = limit }
      edge.publish(route, port: held.port)
      let isOver = Mutex(false)
      let (channel, peer) = try await visitor(edge) { event, _ in
        if case .response = event { isOver.withLock { $0 = true } }
      }
      try await channel.eventLoop.submit {
        let fields = [("content-type", "application/grpc"), ("content-length", "9")]
        _ = peer.value.request(Self.head(.post, "/", fields), endsStream: false)
      }.get()
      // A connection that had not begun in time is ended without a request.
      try await until("the request to end") { isOver.withLock { $0 } || !channel.isActive }
      guard isOver.withLock({ $0 }) else { return false }
      try await until("the connection to be free") { held.closed.withLock { $0 } == 1 }
      try await channel.close()
      await edge.stop()
      return true
    }
  }

  /// The last bytes are passed on when nothing more comes from the service.
  @Test func aConnectionOfOneRequestEndsWithASlowReader() async throws {
    // More than the visitor's window and what the edge sends beyond it; the rest is less than the service's.
    let size = 520 << 10
    let gone = Mutex(false)
    let service = try await HTTP2TestService { event, peer in
      if case .goAway = event { gone.withLock { $0 = true } }
      guard case .request(let id, _, _) = event else { return }
      peer.begin(id)
      peer.send(id, ByteBuffer(repeating: 0x78, count: size), ends: true)
    }
    let edge = try await HTTP2Services.edge(service.port) { $0.tunnelPool = .off }
    let taken = Mutex(0)
    let (channel, peer) = try await visitor(edge) { event, _ in
      if case .body(_, let bytes) = event { taken.withLock { $0 += bytes.readableBytes } }
    }
    let id = try await channel.eventLoop.submit {
      peer.value.isReadingBodies = false
      return peer.value.request(Self.head(.get, "/", []), endsStream: true)
    }.get()
    try await until("the visitor's window to be full") { taken.withLock { $0 } == 256 << 10 }
    // For the service to send all the rest.
    try await Task.sleep(for: .milliseconds(50))
    try await channel.eventLoop.submit { if let id { peer.value.readOn(id) } }.get()
    try await until("the body") { taken.withLock { $0 } == size }
    try await until("the connection to end") { gone.withLock { $0 } }
    try await channel.close()
    await edge.stop()
  }
}
