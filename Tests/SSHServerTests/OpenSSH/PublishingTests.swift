import NIOCore
import Policy
import Routing
import Testing

@testable import SSHServer

/// The stock OpenSSH client publishes, and bytes go through.
@Suite(.serialized) struct PublishingTests {
  @Test(arguments: [("ed25519", 10_000_000), ("ecdsa", 100_000), ("rsa", 100_000)])
  func aForwardIsServedAndBytesGoBothWays(_ type: String, _ amount: Int) async throws {
    let service = try await EchoService()
    let edge = try await TestEdge([testRoute("app.example")])
    let key = try await edge.key(type, type: type)
    let client = try await edge.ssh(["-N", "-R", "app.example:443:127.0.0.1:\(service.port)"], key: key)
    let binding = try await edge.opened("app.example")
    let outcome = try await StreamExchange.run(binding, amount: amount)
    #expect(outcome.count == amount)
    #expect(outcome.isEchoed)
    #expect(binding.counters.bytesToPublisher == UInt64(amount))
    #expect(binding.counters.bytesFromPublisher == UInt64(amount))
    #expect(binding.requestedHost == "app.example" && binding.requestedPort == 443)
    client.end()
    _ = try await client.exit()
    let closed = try await edge.events.first { if case .closed = $0.kind { true } else { false } }
    #expect(
      closed.kind
        == .closed(why: .disconnected, bytesToPublisher: UInt64(amount), bytesFromPublisher: UInt64(amount), streams: 1)
    )
    #expect(edge.registry.bindings().isEmpty)
    await edge.stop()
    await service.stop()
  }

  @Test func keysAreRenewedUnderLoad() async throws {
    let service = try await EchoService()
    let edge = try await TestEdge([testRoute("app.example")])
    let client = try await edge.ssh(
      ["-N", "-v", "-o", "RekeyLimit=512K", "-R", "app.example:443:127.0.0.1:\(service.port)"])
    let binding = try await edge.opened("app.example")
    let outcome = try await StreamExchange.run(binding, amount: 10_000_000)
    #expect(outcome.isEchoed && outcome.count == 10_000_000)
    let rekeys = client.errors.values.count { $0.contains("SSH2_MSG_NEWKEYS sent") }
    #expect(rekeys > 10)
    client.end()
    _ = try await client.exit()
    await edge.stop()
    await service.stop()
  }

  @Test(arguments: ["chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com", "aes256-gcm@openssh.com"])
  func everyCipherCarriesParallelStreams(_ cipher: String) async throws {
    let service = try await EchoService()
    let edge = try await TestEdge([testRoute("app.example")])
    let client = try await edge.ssh(["-N", "-c", cipher, "-R", "app.example:443:127.0.0.1:\(service.port)"])
    let binding = try await edge.opened("app.example")
    try await withThrowingTaskGroup(of: StreamExchange.Outcome.self) { group in
      for index in 0..<50 {
        group.addTask { try await StreamExchange.run(binding, amount: 100_000 + index) }
      }
      for try await outcome in group { #expect(outcome.isEchoed) }
    }
    #expect(binding.counters.totalStreams == 50)
    client.end()
    _ = try await client.exit()
    await edge.stop()
    await service.stop()
  }

  @Test(arguments: ["ecdh-sha2-nistp521", "diffie-hellman-group16-sha512", "curve25519-sha256"])
  func everyKindOfKeyExchangeServesAndRenewsUnderLoad(_ method: String) async throws {
    let service = try await EchoService()
    let edge = try await TestEdge([testRoute("app.example")])
    let client = try await edge.ssh([
      "-N", "-o", "KexAlgorithms=\(method)", "-o", "RekeyLimit=256K", "-R",
      "app.example:443:127.0.0.1:\(service.port)",
    ])
    let binding = try await edge.opened("app.example")
    let outcome = try await StreamExchange.run(binding, amount: 2_000_000)
    #expect(outcome.isEchoed && outcome.count == 2_000_000)
    client.end()
    _ = try await client.exit()
    await edge.stop()
    await service.stop()
  }

  @Test func severalForwardsLiveOnOneConnection() async throws {
    let service = try await EchoService()
    let names = ["a.example", "b.example", "c.dev.example"]
    let edge = try await TestEdge([testRoute("a.example"), testRoute("b.example"), testRoute("*.dev.example")])
    let client = try await edge.ssh(["-N"] + names.flatMap { ["-R", "\($0):443:127.0.0.1:\(service.port)"] })
    for name in names {
      let binding = try await edge.opened(name)
      let outcome = try await StreamExchange.run(binding, amount: 1000)
      #expect(outcome.isEchoed)
    }
    client.end()
    _ = try await client.exit()
    await edge.stop()
    await service.stop()
  }

  @Test func withoutAHostTheOneRouteIsMeant() async throws {
    let service = try await EchoService()
    let edge = try await TestEdge([testRoute("only.example"), testRoute("other.example", publishers: .denyAll)])
    let client = try await edge.ssh(["-N", "-R", "443:127.0.0.1:\(service.port)"])
    let binding = try await edge.opened("only.example")
    #expect(binding.requestedHost == "localhost")
    let outcome = try await StreamExchange.run(binding, amount: 1000)
    #expect(outcome.isEchoed)
    try await client.errors.first { $0.contains("Signed in as ann@example.com until") }
    try await client.errors.first { $0.contains("-R 443:... means https://only.example") }
    client.end()
    _ = try await client.exit()
    await edge.stop()
    await service.stop()
  }

  @Test func aDynamicForwardIsAskedForTheRoutesDestination() async throws {
    let service = try await EchoService()
    let edge = try await TestEdge([testRoute("a.example"), testRoute("b.example", publishers: .denyAll)])
    let client = try await edge.ssh(["-N", "-R", "0"])
    let binding = try await edge.opened("a.example")
    #expect((32768...65535).contains(binding.requestedPort))
    let outcome = try await StreamExchange.run(
      binding, amount: 1_000_000, destination: ("127.0.0.1", service.port))
    #expect(outcome.isEchoed)
    try await client.errors.first { $0.contains("Allocated port \(binding.requestedPort)") }
    client.end()
    _ = try await client.exit()
    await edge.stop()
    await service.stop()
  }

  @Test func portZeroWithAFixedDestinationIsNoticed() async throws {
    let service = try await EchoService()
    let edge = try await TestEdge([testRoute("a.example")])
    let client = try await edge.ssh(["-N", "-R", "0:127.0.0.1:\(service.port)"])
    let binding = try await edge.opened("a.example")
    for _ in 0..<2 {
      let outcome = try await StreamExchange.run(binding, amount: 1000)
      #expect(outcome.isEchoed && outcome.count == 1000)
    }
    client.end()
    _ = try await client.exit()
    await edge.stop()
    await service.stop()
  }

  @Test func aServiceThatIsDownIsARefusal() async throws {
    let service = try await EchoService()
    let port = service.port
    await service.stop()
    let edge = try await TestEdge([testRoute("app.example")])
    let client = try await edge.ssh(["-N", "-R", "app.example:443:127.0.0.1:\(port)"])
    let binding = try await edge.opened("app.example")
    await #expect(throws: StreamOpenFailure.refused("Connection refused")) {
      try await StreamExchange.run(binding, amount: 1)
    }
    client.end()
    _ = try await client.exit()
    await #expect(throws: StreamOpenFailure.gone) { try await StreamExchange.run(binding, amount: 1) }
    await edge.stop()
  }

  @Test func exitOnForwardFailureGoesToTheBackground() async throws {
    let service = try await EchoService()
    let edge = try await TestEdge([testRoute("app.example")])
    let client = try await edge.ssh(
      [
        "-f", "-N", "-q", "-E", "/dev/null", "-o", "ExitOnForwardFailure=yes", "-R",
        "app.example:443:127.0.0.1:\(service.port)",
      ])
    // The parent is done; the tunnel lives on in the background.
    #expect(try await client.exit() == 0)
    let binding = try await edge.opened("app.example")
    let outcome = try await StreamExchange.run(binding, amount: 1000)
    #expect(outcome.isEchoed)
    // The background process ends with its connection.
    await edge.stop()
    #expect(edge.server.connectionCount == 0)
    await service.stop()
  }

  @Test func aClientThatVanishesKeepsItsNameForAMoment() async throws {
    let edge = try await TestEdge([testRoute("app.example")])
    let client = try await edge.ssh(["-N", "-R", "app.example:443:127.0.0.1:9"])
    let binding = try await edge.opened("app.example")
    client.kill()
    _ = try await edge.events.first { if case .closed(.connectionLost, _, _, _) = $0.kind { true } else { false } }
    guard
      case .none(.reconnecting) = edge.registry.pick(
        route: binding.routeID, host: try #require(HostName("app.example")))
    else {
      Issue.record("no lease")
      return
    }
    await edge.stop()
  }

  @Test func theSamePersonMayPublishTwiceAndTheFirstProvesItself() async throws {
    let edge = try await TestEdge([testRoute("app.example")])
    let first = try await edge.ssh(["-N", "-R", "app.example:443:127.0.0.1:9"])
    let one = try await edge.opened("app.example")
    let second = try await edge.ssh(["-N", "-R", "app.example:443:127.0.0.1:9"])
    _ = try await edge.events.first { $0.kind == .opened && $0.bindingID != one.id }
    #expect(edge.registry.bindings().count == 2)
    first.end()
    second.end()
    _ = try await first.exit()
    _ = try await second.exit()
    await edge.stop()
  }

  @Test func aSilentClientIsRemovedWhenItsOwnerBindsAgain() async throws {
    let edge = try await TestEdge([testRoute("app.example")]) { $0.probeTimeoutMilliseconds = 200 }
    let first = try await edge.ssh(["-N", "-R", "app.example:443:127.0.0.1:9"])
    let one = try await edge.opened("app.example")
    first.suspend()
    let second = try await edge.ssh(["-N", "-R", "app.example:443:127.0.0.1:9"])
    _ = try await edge.events.first { $0.bindingID == one.id && $0.kind != .opened }
    #expect(edge.registry.bindings().count == 1)
    first.kill()
    second.end()
    _ = try await second.exit()
    await edge.stop()
  }

  @Test func aDrainTellsWhy() async throws {
    let edge = try await TestEdge([testRoute("app.example")])
    let client = try await edge.ssh(["-N", "-R", "app.example:443:127.0.0.1:9"])
    _ = try await edge.opened("app.example")
    await edge.server.drain(deadline: .now() + .seconds(5))
    let result = try await client.finished()
    #expect(result.status == 255)
    #expect(result.errors.contains { $0.contains("The edge is shutting down") })
    await edge.stop()
  }
}
