import FuzzDriver
import NIOCore

@testable import SSHProtocol

/// A client that has exchanged keys and then sends any messages, sealed as they should be, to a server that lets nobody in.
enum WholeConnection {
  static func run(_ input: inout FuzzInput) {
    Fixture.now = 1_000_000_000
    var client = TransportMachine(clientSettings)
    var server = SSHConnection(Fixture.server)
    client.start()
    server.start()
    do throws(SSHError) {
      for _ in 0..<10 where client.established == nil || server.transport.established == nil {
        while let bytes = server.takeOutbound() { try client.receive(bytes) }
        while try client.nextEvent() != nil {}
        while let bytes = client.takeOutbound() { try server.receive(bytes) }
        try drain(&server)
      }
    } catch {
      fatalError("no key exchange: \(error)")
    }
    do throws(SSHError) {
      if input.bool() { try send(Request.service("ssh-userauth"), &client, &server) }
      while !input.isEmpty {
        switch input.byte() % 4 {
        case 0: try send(Request.make(.query(&input)), &client, &server)
        case 1: try send(Request.Signed(&input).message(server.transport.sessionID), &client, &server)
        case 2: Fixture.now += UInt64(input.byte()) * 100_000_000
        default: try send(input.piece(), &client, &server)
        }
        try server.timePassed()
        try drain(&server)
      }
    } catch {
      server.disconnect(error)
    }
    server.transportClosed()
  }

  private static let clientSettings: SharedSSHConfiguration = {
    var configuration = SSHConfiguration(role: .client)
    configuration.algorithms.keyExchange = [.curve25519]
    configuration.clock = { Fixture.now }
    return SharedSSHConfiguration(configuration)
  }()

  private static func send(
    _ payload: [UInt8], _ client: inout TransportMachine, _ server: inout SSHConnection
  ) throws(SSHError) {
    guard !payload.isEmpty else { return }
    client.send(ByteBuffer(bytes: payload))
    while let bytes = client.takeOutbound() { try server.receive(bytes) }
    try drain(&server)
  }

  private static func drain(_ server: inout SSHConnection) throws(SSHError) {
    while let event = try server.nextEvent() {
      switch event {
      case .keysEstablished, .peerDisconnected: break
      case .login(let login):
        // Shown a prompt, and never let in.
        _ = server.requireSignIn(login.attempt, prompt: Fixture.prompt(0))
      case .signInShown, .promptAnswered, .loginAbandoned: break
      default: fatalError("nobody is signed in, and yet: \(event)")
      }
    }
    guard server.phase != .connection else { fatalError("somebody was let in") }
    while server.takeOutbound() != nil {}
  }
}
