import NIOCore
import Policy
import Routing
import TestSupport
import Testing

@testable import SSHServer

/// The gate in front of a running server.
@Suite(.serialized) struct AcceptanceTests {
  private let proxies = ["127.0.0.2", "127.0.0.4"].compactMap { AddressRange($0) }

  private func edge(_ configure: @escaping (inout SSHServerConfiguration) -> Void) async throws -> TestEdge {
    try await TestEdge([testRoute("app.example")]) {
      $0.sources.exempt = []
      configure(&$0)
    }
  }

  @Test func aTrustedProxyMustAnnounceInTime() async throws {
    let proxies = proxies
    let edge = try await edge {
      $0.usesProxyProtocol = true
      $0.trustedProxies = proxies
      $0.proxyHeaderMilliseconds = 100
    }
    let silent = try await DoorClient(edge.port, from: "127.0.0.2", saying: "PROXY TCP4 ")
    #expect(try await silent.untilEnd() == "PROXY protocol header expected\r\n")
    let direct = try await DoorClient(edge.port, from: "127.0.0.3")
    try await direct.said.first { $0.hasPrefix("SSH-2.0-") }
    await direct.close()
    #expect(edge.server.gateCounts.refused == [.proxyHeader: 1])
    await edge.stop()
  }

  @Test func proxiesThatSpeakForThemselvesAreServed() async throws {
    let proxies = proxies
    let edge = try await edge {
      $0.usesProxyProtocol = true
      $0.trustedProxies = proxies
    }
    for header in ["PROXY UNKNOWN\r\n", "\r\n\r\n\0\r\nQUIT\n\u{20}\0\0\0"] {
      let check = try await DoorClient(edge.port, from: "127.0.0.4", saying: header)
      try await check.said.first { $0.hasPrefix("SSH-2.0-") }
      await check.close()
    }
    await edge.stop()
  }

  @Test func misconductIsChargedToWhoCommittedIt() async throws {
    let edge = try await edge {
      $0.sources.penalties?.amounts[.noAttempt] = 60
      $0.sources.penalties?.minimum = 100
    }
    // Another protocol, twice: told, and then not even that.
    for _ in 0..<2 {
      let scanner = try await DoorClient(edge.port, from: "127.9.0.1", saying: "GET / HTTP/1.1\r\n\r\n")
      #expect(try await scanner.untilEnd().contains("Invalid SSH identification string"))
    }
    try await until("both penalties") { edge.server.gateCounts.misconduct[.noAttempt] == 2 }
    let turnedAway = try await DoorClient(edge.port, from: "127.9.0.1")
    #expect(try await turnedAway.untilEnd() == "Not allowed at this time\r\n")
    let neighbour = try await DoorClient(edge.port, from: "127.9.0.2")
    try await neighbour.said.first { $0.hasPrefix("SSH-2.0-") }
    await neighbour.close()
    await edge.stop()
  }

  @Test func aSignInThatNobodyComesForIsNoMisconduct() async throws {
    let edge = try await TestEdge([testRoute("app.example")], admits: .browser) {
      $0.sources.exempt = []
      $0.signInTimeoutSeconds = 1
      $0.maxStartups = .init(start: 1, rate: 100, full: 1)
    }
    // One place for all of them: while the browser is waited for it is free.
    let clients = [try await edge.ssh(["-N"]), try await edge.ssh(["-N"], key: try await edge.key("second"))]
    for client in clients { #expect(try await client.exit() == 255) }
    let counts = edge.server.gateCounts
    #expect(counts.misconduct.isEmpty && counts.waiting == 0, "\(counts)")
    await edge.stop()
  }

  @Test func whoMayPublishNothingIsCharged() async throws {
    let edge = try await TestEdge([testRoute("app.example", publishers: .denyAll)]) { $0.sources.exempt = [] }
    let client = try await edge.ssh(["-N"])
    #expect(try await client.exit() == 255)
    try await until("the penalty") { edge.server.gateCounts.misconduct == [.refused: 1] }
    await edge.stop()
  }

  @Test func aConnectionForNothingIsEndedAndOneWithATunnelIsNot() async throws {
    let edge = try await edge { $0.unusedConnectionSeconds = 4 }
    let busy = try await edge.ssh(["-N", "-R", "app.example:443:127.0.0.1:9"])
    _ = try await edge.opened("app.example")
    let idle = try await edge.ssh(["-N"]).finished()
    #expect(idle.status == 255)
    #expect(idle.errors.contains { $0.contains("Nothing was published and no session is open") })
    #expect(busy.isRunning)
    busy.end()
    _ = try await busy.exit()
    await edge.stop()
  }

  @Test func aClientThatTakesNothingIsEnded() async throws {
    let service = try await EchoService()
    let edge = try await edge {
      // Longer than a busy machine lets a client wait that does take what it is sent.
      $0.unwritableMilliseconds = 2000
      $0.keepaliveSeconds = 0
    }
    let client = try await edge.ssh(["-N", "-R", "app.example:443:127.0.0.1:\(service.port)"])
    let binding = try await edge.opened("app.example")
    // Together more than the sockets between them hold.
    for _ in 0..<3 { _ = try await StreamExchange.start(binding, amount: 64 << 20) }
    client.suspend()
    let closed = try await edge.events.first { if case .closed = $0.kind { true } else { false } }
    #expect(closed.bindingID == binding.id)
    client.kill()
    await edge.stop()
    await service.stop()
  }
}
