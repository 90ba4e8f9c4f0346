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
    #expect(outcome.isEchoed)
    #expect(client.isRunning && edge.registry.bindings().map(\.id) == [binding.id])
    client.end()
    _ = try await client.exit()
    await edge.stop()
    await service.stop()
  }

  private func only(_ name: String) throws -> AccessPolicy {
    let address = PolicyNode(.object([.init("is", PolicyNode(.string("\(name)@example.com")))]))
    let criteria = PolicyNode(.list([PolicyNode(.object([.init("email", address)]))]))
    return try AccessPolicy(
      parsing: PolicyNode(.object([.init("allow", PolicyNode(.object([.init("and", criteria)])))])))
  }

  @Test func aBindingKeptAwayByAnotherPersonComesBackWhenTheyGo() async throws {
    let edge = try await TestEdge([testRoute("app.example"), testRoute("other.example")], admits: .byUsername)
    let forward = ["-N", "-R", "app.example:443:127.0.0.1:9"]
    let ann = try await edge.ssh(forward, destination: "ann@127.0.0.1")
    let first = try await edge.opened("app.example")
    edge.replace([testRoute("app.example", publishers: try only("bob")), testRoute("other.example")])
    _ = try await edge.events.first { $0.kind == .detached(.notPermitted) }
    let bob = try await edge.ssh(forward, destination: "bob@127.0.0.1")
    _ = try await edge.events.first { $0.kind == .opened && $0.owner.userID == "bob" }
    edge.replace([testRoute("app.example"), testRoute("other.example")])
    _ = try await edge.events.first { $0.kind == .detached(.heldByAnother) }
    bob.end()
    _ = try await bob.exit()
    _ = try await edge.events.first { $0.kind == .attached && $0.bindingID == first.id }
    ann.end()
    _ = try await ann.exit()
    await edge.stop()
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
