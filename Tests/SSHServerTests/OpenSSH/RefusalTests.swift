import Policy
import Routing
import Testing

@testable import SSHServer

/// What a publisher is told when something is not granted.
@Suite(.serialized) struct RefusalTests {
  @Test(arguments: [
    ("unknown.example:443:127.0.0.1:9", "unknown.example:443: not available to you"),
    ("denied.example:443:127.0.0.1:9", "denied.example:443: not available to you"),
    ("auth.example:443:127.0.0.1:9", "auth.example:443: not available to you"),
    ("dialled.example:443:127.0.0.1:9", "dialled.example:443: not available to you"),
    ("app.example:80:127.0.0.1:9", "app.example:80: not available to you; https routes are published with port 443"),
    ("443:127.0.0.1:9", "localhost:443: name the host to publish"),
  ])
  func theTextNamesHostAndReason(_ forward: String, _ text: String) async throws {
    let edge = try await TestEdge([
      testRoute("app.example"), testRoute("second.example"), testRoute("denied.example", publishers: .denyAll),
      testRoute("dialled.example", tunnel: false),
    ])
    edge.routes.replace(edge.routes.current().routes, reservedHosts: [try #require(HostName("auth.example"))])
    let client = try await edge.ssh(["-N", "-R", forward])
    let result = try await client.finished()
    #expect(result.status == 255)
    #expect(result.errors.contains { $0.contains("Could not publish \(text)") })
    #expect(edge.registry.bindings().isEmpty)
    await edge.stop()
  }

  @Test func somebodyElsesNameSoundsLikeAnUnknownOne() async throws {
    let edge = try await TestEdge([testRoute("app.example")], admits: .byUsername)
    let ann = try await edge.ssh(["-N", "-R", "app.example:443:127.0.0.1:9"], destination: "ann@127.0.0.1")
    _ = try await edge.opened("app.example")
    let bob = try await edge.ssh(["-N", "-R", "app.example:443:127.0.0.1:9"], destination: "bob@127.0.0.1")
    let result = try await bob.finished()
    #expect(result.errors.contains { $0.contains("app.example:443: not available to you.") })
    #expect(edge.registry.bindings().map(\.owner.userID) == ["ann"])
    ann.end()
    _ = try await ann.exit()
    await edge.stop()
  }

  @Test func exitOnForwardFailureFailsAtOnce() async throws {
    let edge = try await TestEdge([testRoute("app.example")]) { $0.refusalGraceMilliseconds = 60_000 }
    let client = try await edge.ssh(
      ["-N", "-o", "ExitOnForwardFailure=yes", "-R", "nope.example:443:127.0.0.1:9"])
    let result = try await client.finished()
    #expect(result.status == 255)
    #expect(result.errors.contains { $0.contains("remote port forwarding failed for listen port 443") })
    await edge.stop()
  }

  @Test func oneGrantedForwardKeepsTheConnection() async throws {
    let edge = try await TestEdge([testRoute("app.example")]) { $0.refusalGraceMilliseconds = 500 }
    let client = try await edge.ssh(
      ["-N", "-v", "-R", "nope.example:443:127.0.0.1:9", "-R", "app.example:443:127.0.0.1:9"])
    _ = try await edge.opened("app.example")
    _ = try await client.errors.first { $0.contains("remote forward failure for: listen nope.example:443") }
    _ = try await client.errors.first { $0.contains("remote forward success for: listen app.example:443") }
    // Time itself is what is tested: the grace after the refusal runs out.
    try await Task.sleep(for: .seconds(1))
    #expect(client.isRunning && edge.registry.bindings().count == 1)
    client.end()
    _ = try await client.exit()
    await edge.stop()
  }

  @Test func tooManyForwardsAreRefused() async throws {
    let edge = try await TestEdge([testRoute("*.dev.example")]) { $0.maxForwards = 2 }
    let client = try await edge.ssh(
      ["-N", "-v"] + ["a", "b", "c"].flatMap { ["-R", "\($0).dev.example:443:127.0.0.1:9"] })
    _ = try await client.errors.first { $0.contains("remote forward failure for: listen c.dev.example:443") }
    #expect(edge.registry.bindings().count == 2)
    client.end()
    _ = try await client.exit()
    await edge.stop()
  }

  @Test func whoMayPublishNothingIsToldSo() async throws {
    let edge = try await TestEdge([testRoute("app.example", publishers: .denyAll)])
    let client = try await edge.ssh(["-N", "-R", "app.example:443:127.0.0.1:9"])
    let result = try await client.finished()
    #expect(result.status == 255)
    #expect(
      result.errors.contains { $0.contains("You are signed in as ann@example.com, and nothing here is available") })
    await edge.stop()
  }

  @Test func otherForwardingIsRefusedWithAText() async throws {
    let edge = try await TestEdge([testRoute("app.example")])
    let client = try await edge.ssh(["-W", "app.example:443"])
    let result = try await client.finished()
    #expect(result.status == 255)
    #expect(result.errors.contains { $0.contains("not available on this edge") || $0.contains("administratively") })
    await edge.stop()
  }

  @Test func hostLoginsAreRefusedWithAText() async throws {
    let edge = try await TestEdge([testRoute("app.example")])
    let client = try await edge.ssh(["-N"], destination: "root@web1@127.0.0.1")
    let result = try await client.finished()
    #expect(result.errors.contains { $0.contains("Logging in to hosts through this edge is not available yet") })
    #expect(edge.authenticator.logins.values.isEmpty)
    await edge.stop()
  }
}
