import EdgeCrypto
import Logging
import NIOCore
import NIOEmbedded
import Policy
import Routing
import SSHProtocol
import Testing

@testable import SSHServer

/// How long a connection lives on whose person has signed out on it.
struct FarewellTests {
  /// A client in our hands, on a channel whose time is ours as well.
  private final class Client {
    let channel = NIOAsyncTestingChannel()
    var connection = SSHConnection(SSHConfiguration(role: .client))
    private(set) var opened: [ChannelID] = []
    private(set) var isSignedIn = false

    func send() async throws {
      while let bytes = connection.takeOutbound() { try await channel.writeInbound(bytes) }
    }

    func exchange() async throws {
      try await send()
      while let bytes = try await channel.readOutbound(as: ByteBuffer.self) {
        try connection.receive(bytes)
        while let event = try connection.nextEvent() {
          switch event {
          case .keysEstablished: connection.requestService()
          case .serviceAccepted:
            connection.authenticate(username: "me", method: .publicKey(try PrivateKey.generate(.ed25519)))
          case .authenticated: isSignedIn = true
          case .channelOpened(let id): opened.append(id)
          default: break
          }
        }
        try await send()
      }
    }

    func until(_ condition: () -> Bool) async throws {
      for _ in 0..<2000 where !condition() {
        try await exchange()
        try await Task.sleep(for: .milliseconds(5))
      }
      try #require(condition())
    }
  }

  @Test func whoSignedOutCannotPutOffTheEnd() async throws {
    let configuration = SSHServerConfiguration(addresses: [], hostKeys: [try PrivateKey.generate(.ed25519)])
    let authenticator = ScriptedAuthenticator(.everybody(as: "ann"))
    let registry = TunnelRegistry(clock: TestEdge.clock)
    let state = ServerState(
      configuration: configuration, authenticator: authenticator,
      routes: CurrentRoutes(RouteTable(routes: [testRoute("app.example")], generation: 1)), registry: registry,
      openStreams: OpenStreams(), clock: TestEdge.clock, logger: Logger(label: "test"))
    let client = Client()
    let channel = client.channel
    try await channel.testingEventLoop.executeInContext {
      let handle = ConnectionHandle(id: "test", eventLoop: channel.eventLoop)
      guard case .admitted(let ticket) = state.gate.enter("192.0.2.1", handle) else { return }
      let source = ConnectionSource(try SocketAddress(ipAddress: "192.0.2.1", port: 4711))
      try channel.pipeline.syncOperations.addHandler(
        ConnectionHandler(handle: handle, server: state, settings: state.settings, source: source, ticket: ticket))
    }
    try await channel.connect(to: SocketAddress(ipAddress: "192.0.2.1", port: 22)).get()
    client.connection.start()
    try await client.until { client.isSignedIn }
    _ = client.connection.requestForward(ForwardAddress(host: "app.example", port: 443))
    try await client.until { registry.bindings().count == 1 }
    _ = client.connection.openChannel(.session)
    try await client.until { client.opened.count == 1 }
    let session = try #require(client.opened.first)
    client.connection.sendChannelRequest(.exec("logout"), on: session, wantsReply: true)
    client.connection.sealQueuedData(limit: 1 << 20)
    try await client.send()
    let key = ProvedKey(blob: [], fingerprint: "", certificate: nil, sourceAddress: "")
    for _ in 0..<2000 where authenticator.subject(sessionID: "session-1", key: key) != nil {
      try await Task.sleep(for: .milliseconds(5))
    }
    // From here on it reads nothing, so it answers no CLOSE, and asks for more and more.
    for number in 0..<8 where channel.isActive {
      _ = client.connection.requestForward(ForwardAddress(host: "more-\(number).example", port: 443))
      try await client.send()
      await channel.testingEventLoop.advanceTime(by: .milliseconds(400))
    }
    #expect(registry.bindings().isEmpty)
    _ = try? await channel.finish(acceptAlreadyClosed: true)
  }
}
