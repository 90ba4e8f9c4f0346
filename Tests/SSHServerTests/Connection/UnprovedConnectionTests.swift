import EdgeCrypto
import Logging
import NIOCore
import NIOEmbedded
import Policy
import Routing
import SSHProtocol
import Testing

@testable import SSHServer

/// Connections that have only proved some key, which anybody can.
struct UnprovedConnectionTests {
  /// Never comes to an answer.
  private final class Undecided: Authenticator {
    func admit(_ login: ProvedLogin) async -> LoginAnswer {
      try? await Task.sleep(for: .seconds(3600))
      return .refused("too late")
    }
    func subject(sessionID: String, key: ProvedKey) -> Subject? { nil }
    func logout(sessionID: String) async {}
  }

  @Test func aKeyThatWasLaidAsideKeepsItsPlaceAtTheGate() throws {
    var configuration = SSHServerConfiguration(addresses: [], hostKeys: [try PrivateKey.generate(.ed25519)])
    configuration.maxStartups = .init(start: 1, rate: 100, full: 1)
    let clock: UnixClock = { UnixTime(seconds: 1_700_000_000) }
    let state = ServerState(
      configuration: configuration, authenticator: Undecided(),
      routes: CurrentRoutes(RouteTable(routes: [], generation: 1)), registry: TunnelRegistry(clock: clock),
      openStreams: OpenStreams(), clock: clock, logger: Logger(label: "test"))
    let channel = EmbeddedChannel()
    let handle = ConnectionHandle(id: "test", eventLoop: channel.embeddedEventLoop)
    let source = ConnectionSource(try SocketAddress(ipAddress: "192.0.2.1", port: 4711))
    guard case .admitted(let ticket) = state.gate.enter(source.address, handle) else {
      return #expect(Bool(false), "the gate is closed")
    }
    try channel.pipeline.syncOperations.addHandler(
      ConnectionHandler(
        handle: handle, server: state, settings: state.settings, source: source, ticket: ticket))
    try channel.connect(to: SocketAddress(ipAddress: "192.0.2.1", port: 22)).wait()

    var client = SSHConnection(SSHConfiguration(role: .client))
    let key = try PrivateKey.generate(.ed25519)
    var failures = 0
    client.start()
    var moved = true
    while moved {
      moved = false
      while let bytes = client.takeOutbound() {
        moved = true
        try channel.writeInbound(bytes)
      }
      while let bytes = try channel.readOutbound(as: ByteBuffer.self) {
        moved = true
        try client.receive(bytes)
        while let event = try client.nextEvent() {
          switch event {
          case .keysEstablished: client.requestService()
          case .serviceAccepted:
            client.authenticate(username: "me", method: .publicKey(key))
            client.authenticate(username: "me", method: .none)
          case .authenticationFailed: failures += 1
          default: break
          }
        }
      }
    }
    #expect(failures == 1)
    #expect(state.gate.counts.waiting == 1)
    _ = try channel.finish(acceptAlreadyClosed: true)
    #expect(state.gate.counts.waiting == 0)
  }
}
