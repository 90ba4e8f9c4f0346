import Routing

@testable import HTTPProxy

/// What tests of services with HTTP/2 share: an edge that publishes one, and what answers.
enum HTTP2Services {
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
