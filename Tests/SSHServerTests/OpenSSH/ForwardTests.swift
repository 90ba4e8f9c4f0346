import Policy
import Routing
import Testing

@testable import SSHServer

/// What OpenSSH makes of names and ports, and that it takes our opens for its own (ssh.md sections 3.3 and 3.4).
@Suite(.serialized) struct ForwardTests {
  @Test func hostBytesComeBackAsTheyWereTyped() async throws {
    let service = try await EchoService()
    let names = [
      ("A.Example", "a.example"), ("b.example.", "b.example"), ("BÜCHER.example", "xn--bcher-kva.example"),
      ("XN--BCHER-KVA.dev.example", "xn--bcher-kva.dev.example"),
    ]
    let edge = try await TestEdge([
      testRoute("a.example"), testRoute("b.example"), testRoute("xn--bcher-kva.example"), testRoute("*.dev.example"),
    ])
    let client = try await edge.ssh(["-N", "-v"] + names.flatMap { ["-R", "\($0.0):443:127.0.0.1:\(service.port)"] })
    for (typed, name) in names {
      let binding = try await edge.opened(name)
      #expect(binding.requestedHost.utf8.elementsEqual(typed.utf8))
      let outcome = try await StreamExchange.run(binding, amount: 1000)
      #expect(outcome.isEchoed && outcome.count == 1000)
    }
    #expect(!client.errors.values.contains { $0.contains("WARNING") })
    client.end()
    _ = try await client.exit()
    await edge.stop()
    await service.stop()
  }

  @Test(arguments: [("*:443", ""), ("0.0.0.0:443", "0.0.0.0"), ("[::]:443", "::"), ("127.0.0.1:443", "127.0.0.1")])
  func noNameIsTheOneRoute(_ typed: String, _ sent: String) async throws {
    let service = try await EchoService()
    let edge = try await TestEdge([testRoute("only.example")])
    let client = try await edge.ssh(["-N", "-R", "\(typed):127.0.0.1:\(service.port)"])
    let binding = try await edge.opened("only.example")
    #expect(binding.requestedHost == sent)
    let outcome = try await StreamExchange.run(binding, amount: 1000)
    #expect(outcome.isEchoed && outcome.count == 1000)
    client.end()
    _ = try await client.exit()
    await edge.stop()
    await service.stop()
  }

  /// They come in one read, and each wants its answer.
  @Test func oneConnectionMayHave128Forwards() async throws {
    let edge = try await TestEdge([testRoute("*.dev.example")])
    let client = try await edge.ssh(
      ["-N", "-v"] + (0..<129).flatMap { ["-R", "n\($0).dev.example:443:127.0.0.1:9"] })
    _ = try await client.errors.first { $0.contains("remote forward failure for: listen n128.dev.example:443") }
    #expect(edge.registry.bindings().count == 128 && client.isRunning)
    #expect(client.errors.values.count { $0.contains("remote forward success for: listen") } == 128)
    client.end()
    _ = try await client.exit()
    await edge.stop()
    let left = edge.registry.bindings().count
    #expect(left == 0)
  }

  /// A client that says nothing is left for another one of the same person, and visitors who wait go there as well.
  @Test func anOpenThatNobodyAnswersIsTakenElsewhere() async throws {
    let service = try await EchoService()
    let edge = try await TestEdge([testRoute("app.example")]) { $0.slowOpenMilliseconds = 150 }
    let forward = ["-N", "-R", "app.example:443:127.0.0.1:\(service.port)"]
    let first = try await edge.ssh(forward)
    let one = try await edge.opened("app.example")
    #expect(try await StreamExchange.run(one, amount: 10).count == 10)
    let second = try await edge.ssh(forward)
    let event = try await edge.events.first { $0.kind == .opened && $0.bindingID != one.id }
    let two = try #require(event.bindingID)
    #expect(try await StreamExchange.run(try #require(edge.registry.binding(two)), amount: 10).count == 10)
    first.suspend()
    await #expect(throws: StreamOpenFailure.timedOut) { try await StreamExchange.run(one, amount: 1) }
    #expect(edge.registry.isSilent(one.id) && !edge.registry.isSilent(two))
    second.end()
    _ = try await second.exit()
    first.kill()
    _ = try await first.exit()
    await edge.stop()
    await service.stop()
  }
}
