import Routing

@testable import HTTPProxy

/// What tests of services with HTTP/2 share: an edge that publishes one, and how to wait for what it was told.
enum HTTP2Services {
  struct GaveUp: Error { let what: String }

  static func until(_ what: String, _ condition: () -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(30)
    while !condition() {
      guard ContinuousClock.now < deadline else { throw GaveUp(what: what) }
      try await Task.sleep(for: .milliseconds(2))
    }
  }

  /// One loop, so that connections are shared.
  static func edge(
    _ port: Int, configure: (inout HTTPProxyConfiguration) -> Void = { _ in }
  ) async throws -> TestEdge {
    let target = RouteTarget(scheme: .h2c, host: "service.test", port: 9000, portIsExplicit: true, path: "", weight: 1)
    let route = try TestEdge.route(targets: [target])
    let edge = try await TestEdge(routes: [route], group: TestEdge.oneLoop, configure: configure)
    edge.publish(route, port: port)
    return edge
  }

  /// Answers each request at its end.
  static let greeter: HTTP2TestPeer.Handler = { event, peer in
    if case .end(let id) = event { peer.reply(id) }
  }
}
