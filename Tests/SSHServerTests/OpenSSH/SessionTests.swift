import Foundation
import Policy
import Routing
import Testing

@testable import SSHServer

/// Session channels beside the tunnels.
@Suite(.serialized) struct SessionTests {
  @Test(arguments: [
    ("whoami", "user: ann@example.com"), ("tunnels", "Nothing is published on this connection."),
    ("routes", "https://app.example"), ("help", "Commands: whoami, tunnels, routes, logout, help."),
    ("routes --json", "[\"https://app.example\"]"),
  ])
  func commandsAnswerOnce(_ command: String, _ line: String) async throws {
    let edge = try await TestEdge([testRoute("app.example")])
    let result = try await edge.ssh(["-q"], command: [command]).finished()
    #expect(result.status == 0)
    #expect(result.output.contains { $0.hasPrefix(line) })
    await edge.stop()
  }

  @Test func anUnknownCommandIsAnErrorAndEscaped() async throws {
    let edge = try await TestEdge([testRoute("app.example")])
    let result = try await edge.ssh(["-q"], command: ["rm\u{1B}[2J"]).finished()
    #expect(result.status == 1)
    #expect(result.output.isEmpty)
    #expect(result.errors.contains("Unknown command: rm\\u{1b}[2J"))
    await edge.stop()
  }

  @Test func logoutEndsTheSession() async throws {
    let edge = try await TestEdge([testRoute("app.example")])
    let tunnel = try await edge.ssh(["-N", "-R", "app.example:443:127.0.0.1:9"])
    _ = try await edge.opened("app.example")
    let result = try await edge.ssh(["-q"], command: ["logout"]).finished()
    #expect(result.status == 0 && result.output.contains { $0.hasPrefix("Signed out.") })
    edge.server.reconsider(.session("session-1"))
    #expect(try await tunnel.exit() == 255)
    await edge.stop()
  }

  @Test func aTerminalShowsTheTunnelAndQuitsOnQ() async throws {
    let edge = try await TestEdge([testRoute("app.example")])
    let client = try await edge.ssh(["-tt", "-R", "app.example:443:127.0.0.1:9"])
    try await client.output.first { $0.contains("https://app.example  published") }
    edge.replace([testRoute("app.example", publishers: .denyAll)])
    try await client.output.first { $0.contains("not reachable: its owner may no longer publish it") }
    client.send("q")
    #expect(try await client.exit() == 0)
    await edge.stop()
  }

  @Test func withoutATerminalEndOfInputLeavesTheTunnel() async throws {
    let edge = try await TestEdge([testRoute("app.example")])
    let client = try await edge.ssh(["-n", "-T", "-vv", "-R", "app.example:443:127.0.0.1:9"])
    try await client.output.first { $0.contains("https://app.example  published") }
    try await client.errors.first {
      $0.contains("send eof") || $0.contains("input open -> drain") || $0.contains("read<=0")
    }
    #expect(client.isRunning && edge.registry.bindings().count == 1)
    client.end()
    _ = try await client.exit()
    await edge.stop()
  }

  @Test func aMasterCarriesSessionsAndChangesForwards() async throws {
    let edge = try await TestEdge([testRoute("app.example"), testRoute("more.example")])
    let socket = edge.directory.appendingPathComponent("mux").path
    let master = try await edge.ssh(["-M", "-S", socket, "-N", "-v", "-R", "app.example:443:127.0.0.1:9"])
    _ = try await edge.opened("app.example")
    try await master.errors.first { $0.contains("remote forward success") }
    for _ in 0..<3 {
      let result = try await edge.ssh(["-q", "-S", socket], command: ["tunnels"]).finished()
      #expect(result.status == 0)
      #expect(result.output.contains { $0.hasPrefix("https://app.example  published") })
    }
    let added = try await edge.ssh(["-S", socket, "-O", "forward", "-R", "more.example:443:127.0.0.1:9"]).exit()
    #expect(added == 0)
    _ = try await edge.opened("more.example")
    let refused = try await edge.ssh(["-S", socket, "-O", "forward", "-R", "nope.example:443:127.0.0.1:9"]).exit()
    #expect(refused != 0)
    let cancelled = try await edge.ssh(["-S", socket, "-O", "cancel", "-R", "app.example:443:127.0.0.1:9"]).exit()
    #expect(cancelled == 0)
    _ = try await edge.events.first {
      if case .closed(.cancelled, _, _, _) = $0.kind { $0.name == "app.example" } else { false }
    }
    #expect(edge.registry.bindings().map(\.name.description) == ["more.example"])
    _ = try await edge.ssh(["-S", socket, "-O", "exit"]).exit()
    _ = try await master.exit()
    #expect(edge.authenticator.logins.values.count == 1)
    await edge.stop()
  }

  @Test func subsystemsAreRefused() async throws {
    let edge = try await TestEdge([testRoute("app.example")])
    let result = try await edge.ssh(["-s"], command: ["sftp"]).finished()
    #expect(result.status != 0)
    #expect(result.errors.contains { $0.contains("subsystem request failed") })
    await edge.stop()
  }
}
