import Foundation
import Policy
import Routing
import Testing

@testable import SSHServer

/// Session channels beside the tunnels.
@Suite(.serialized) struct SessionTests {
  @Test(arguments: [
    ("whoami", "user: ann@example.com"), ("tunnels", "Nothing is published on this connection."),
    ("routes", "https://app.example  -R app.example:443:localhost:3000"), ("help", "  whoami   who you are"),
    ("whoami --help", "  whoami   who you are"), ("tunnels --json", "[]"),
    (
      "routes --json",
      "[{\"url\":\"https://app.example\",\"forward\":\"app.example:443\",\"published\":false}]"
    ),
  ])
  func commandsAnswerOnce(_ command: String, _ line: String) async throws {
    let edge = try await TestEdge([testRoute("app.example")])
    let result = try await edge.ssh(["-q"], command: [command]).finished()
    #expect(result.status == 0 && result.errors.isEmpty)
    #expect(result.output.contains { $0.hasPrefix(line) })
    await edge.stop()
  }

  @Test(
    arguments: [
      ("rm\u{1B}[2J", 127, "Unknown command: rm\\u{1b}[2J."), ("tunels --json", 127, "Did you mean tunnels?"),
      ("ls -la", 127, "Unknown command: ls."), ("whoami me", 64, "whoami takes nothing but --json, not me."),
      ("tunnels --jsn", 64, "takes nothing but --json"),
    ] as [(String, Int32, String)])
  func whatIsNoCommandIsAnError(_ command: String, _ status: Int32, _ text: String) async throws {
    let edge = try await TestEdge([testRoute("app.example")])
    let result = try await edge.ssh(["-q"], command: [command]).finished()
    #expect(result.status == status)
    #expect(result.output.isEmpty)
    #expect(result.errors.first?.contains(text) == true)
    await edge.stop()
  }

  @Test func aShellBesideNothingSaysWhatCouldBe() async throws {
    let edge = try await TestEdge([testRoute("app.example")])
    for options in [["-T"], ["-tt"]] {
      let result = try await edge.ssh(["-q"] + options).finished()
      #expect(result.status == 0)
      #expect(result.output.contains("  ssh -R app.example:443:localhost:3000 EDGE"))
    }
    await edge.stop()
  }

  @Test func aShellBesideRefusalsSaysWhyAndFails() async throws {
    let edge = try await TestEdge([testRoute("app.example")])
    let result = try await edge.ssh(["-T", "-R", "nope.example:443:127.0.0.1:9"]).finished()
    #expect(result.status == 1)
    #expect(result.errors.contains("Could not publish nope.example:443: not available to you."))
    await edge.stop()
  }

  @Test func logoutEndsTheSession() async throws {
    let edge = try await TestEdge([testRoute("app.example")])
    let tunnel = try await edge.ssh(["-N", "-R", "app.example:443:127.0.0.1:9"])
    _ = try await edge.opened("app.example")
    let result = try await edge.ssh(["-q"], command: ["logout"]).finished()
    #expect(result.status == 0 && result.output.contains("  https://app.example"))
    edge.server.reconsider(.session("session-1"))
    #expect(try await tunnel.exit() == 255)
    await edge.stop()
  }

  @Test func aDumbTerminalShowsLinesAndQuitsOnQ() async throws {
    let edge = try await TestEdge([testRoute("app.example")])
    let client = try await edge.ssh(["-tt", "-R", "app.example:443:127.0.0.1:9"], environment: ["TERM=dumb"])
    try await client.output.first { $0 == "https://app.example  published" }
    edge.replace([testRoute("app.example", publishers: .denyAll)])
    try await client.output.first { $0.contains("not reachable: its owner may no longer publish it") }
    client.send("q")
    #expect(try await client.exit() == 0)
    #expect(!client.output.values.contains { $0.contains("\u{1B}") })
    await edge.stop()
  }

  @Test func linesTellOfRequestsAndOfTheEnd() async throws {
    let edge = try await TestEdge([testRoute("app.example")])
    let client = try await edge.ssh(["-T", "-R", "app.example:443:127.0.0.1:9"])
    try await client.output.first { $0 == "https://app.example  published" }
    let binding = try await edge.opened("app.example")
    #expect(binding.traffic.isWatched)
    for number in 1...50 {
      let entry = binding.traffic.begin(
        binding.id,
        TrafficRequest(
          startedAt: TestEdge.clock(), visitor: "bob\u{1B}[2J", method: "GET", host: "app.example",
          path: "/\(number)?token=secret"))
      entry?.ended(
        TrafficProgress(status: 200, bytesIn: 0, bytesOut: 5, isUpgraded: false),
        TrafficEnding(durationMilliseconds: 12, detail: "via_upstream"))
    }
    let line = try await client.output.first { $0.contains("/50") }
    #expect(line.contains("bob\\u{1b}[2J  GET app.example/50  200  12 ms  5 B"))
    #expect(client.output.values.contains { $0.contains("more requests") })
    await edge.stop()
    _ = try await client.exit()
    #expect(!client.output.values.contains { $0.contains("secret") })
    #expect(!binding.traffic.isWatched)
    #expect(client.errors.values.contains { $0.contains("shutting down") })
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
