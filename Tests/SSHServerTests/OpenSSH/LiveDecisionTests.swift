import NIOCore
import Policy
import Routing
import Testing

@testable import SSHServer

/// A changed policy or table detaches and attaches; the connection stays.
@Suite(.serialized) struct LiveDecisionTests {
  private func pick(_ edge: TestEdge, _ name: String) throws -> TunnelPick {
    edge.registry.pick(route: RouteID("route-\(name)"), host: try #require(HostName(name)))
  }

  @Test func aPublishPolicyIsRevokedAndRestored() async throws {
    let service = try await EchoService()
    let edge = try await TestEdge([testRoute("app.example")])
    let client = try await edge.ssh(["-N", "-R", "app.example:443:127.0.0.1:\(service.port)"])
    let binding = try await edge.opened("app.example")
    let stream = try await StreamExchange.start(binding, amount: 1000)

    edge.replace([testRoute("app.example", publishers: .denyAll)])
    _ = try await edge.events.first { $0.kind == .detached(.notPermitted) }
    #expect(try await stream.result.get().end == .rightEnded)
    guard case .none(.detached(let owner)) = try pick(edge, "app.example") else {
      Issue.record("still attached")
      return
    }
    #expect(owner == "ann@example.com")
    await #expect(throws: StreamOpenFailure.notPermitted) { try await StreamExchange.run(binding, amount: 1) }
    #expect(client.isRunning)

    edge.replace([testRoute("app.example")])
    _ = try await edge.events.first { $0.kind == .attached }
    let outcome = try await StreamExchange.run(binding, amount: 1000)
    #expect(outcome.received == outcome.sent)
    #expect(client.isRunning && edge.registry.bindings().map(\.id) == [binding.id])
    client.end()
    _ = try await client.exit()
    await edge.stop()
    await service.stop()
  }

  @Test func aRouteThatGoesAndComesBackIsServedAgain() async throws {
    let edge = try await TestEdge([testRoute("app.example"), testRoute("other.example")])
    let client = try await edge.ssh(["-N", "-R", "app.example:443:127.0.0.1:9"])
    _ = try await edge.opened("app.example")
    edge.replace([testRoute("other.example")])
    _ = try await edge.events.first { $0.kind == .detached(.routeGone) }
    edge.replace([testRoute("app.example")])
    _ = try await edge.events.first { $0.kind == .attached }
    guard case .binding = try pick(edge, "app.example") else {
      Issue.record("not attached again")
      return
    }
    client.end()
    _ = try await client.exit()
    await edge.stop()
  }

  @Test func aDynamicForwardTakesNewRoutes() async throws {
    let edge = try await TestEdge([testRoute("a.example")])
    let client = try await edge.ssh(["-N", "-R", "0"])
    _ = try await edge.opened("a.example")
    edge.replace([testRoute("a.example"), testRoute("b.example")])
    _ = try await edge.opened("b.example")
    client.end()
    _ = try await client.exit()
    await edge.stop()
  }

  @Test func publishingSwitchedOffDetachesEverything() async throws {
    let edge = try await TestEdge([testRoute("app.example")])
    let client = try await edge.ssh(["-N", "-R", "app.example:443:127.0.0.1:9"])
    _ = try await edge.opened("app.example")
    edge.server.update { $0.permitsPublishing = false }
    edge.server.reconsider(.everything)
    _ = try await edge.events.first { $0.kind == .detached(.notPermitted) }
    client.end()
    _ = try await client.exit()
    await edge.stop()
  }

  @Test func whatANameStoodForIsDecidedOnce() async throws {
    let edge = try await TestEdge([testRoute("first.example")])
    let client = try await edge.ssh(["-N", "-R", "443:127.0.0.1:9"])
    _ = try await edge.opened("first.example")
    edge.replace([testRoute("second.example")])
    _ = try await edge.events.first { $0.kind == .detached(.routeGone) }
    #expect(edge.registry.bindings().count == 1)
    client.end()
    _ = try await client.exit()
    await edge.stop()
  }
}
