import EdgeCrypto
import FuzzDriver
import NIOCore

@testable import SSHProtocol

/// One side: channels over a transport whose key exchange never was, so that its packets are plain.
struct Endpoint: ~Copyable {
  var machine: ConnectionMachine
  var transport: TransportMachine
  let isServer: Bool

  nonisolated(unsafe) static var now: UInt64 = 1_000_000_000

  /// Small numbers everywhere: what happens at the bounds happens soon.
  private static func settings(_ role: SSHRole, _ memory: WindowMemory) -> SSHConfiguration {
    var configuration = SSHConfiguration(role: role)
    configuration.clock = { now }
    configuration.keepalive = nil
    configuration.channels.permitsDirectTCPIP = true
    configuration.channels.initialWindow = 1000
    configuration.channels.maximumWindow = 8000
    configuration.channels.windowLimit = 100_000
    configuration.channels.windowMemory = memory
    configuration.channels.maximumPacket = 600
    configuration.channels.highWaterMark = 3000
    configuration.channels.lowWaterMark = 1500
    configuration.channels.sendQueueSoftLimit = 20_000
    configuration.channels.sendQueueHardLimit = 200_000
    configuration.limits.channelsOpenedByPeer = 6
    configuration.limits.channelsOpenedByUs = 6
    configuration.limits.sessions = 3
    configuration.limits.tombstones = 5
    configuration.limits.outstandingReplies = 8
    configuration.limits.openBurst = 1000
    return configuration
  }

  init(_ role: SSHRole, _ memory: WindowMemory) {
    let shared = SharedSSHConfiguration(Self.settings(role, memory))
    machine = ConnectionMachine(shared, now: Self.now)
    transport = TransportMachine(shared)
    isServer = role == .server
    transport.peerIdentification = Identification(line: "SSH-2.0-fuzz")
    transport.established = TransportMachine.Established(
      sessionID: Array(repeating: 7, count: 32), hostKey: Self.hostKey, hostKeyBlob: Self.hostKey.blob,
      algorithms: NegotiatedAlgorithms(
        keyExchange: .curve25519, hostKey: .plain(.ed25519), cipherToServer: .aes128GCM, cipherToClient: .aes128GCM))
    transport.isAuthenticated = true
  }

  private static let hostKey: SSHPublicKey = {
    guard let key = try? PrivateKey(ed25519Seed: Array(repeating: 1, count: 32)) else { fatalError("no key") }
    return SSHPublicKey(key.publicKey)
  }()

  /// What has left, as packets.
  mutating func output() throws(SSHError) -> ByteBuffer {
    try machine.sealQueued(limit: 64 * 1024, &transport)
    var all = ByteBuffer()
    while let bytes = transport.takeOutbound() { all.writeImmutableBuffer(bytes) }
    return all
  }

  /// Packets of the other side. Events wait in the machine.
  mutating func input(_ bytes: ByteBuffer) throws(SSHError) {
    try transport.receive(bytes)
    while let event = try transport.nextEvent() {
      guard case .message(let payload, let number, _) = event else { continue }
      try machine.receive(
        payload, number: number, sessionID: transport.sessionID, transport: &transport)
    }
  }

  /// What must hold at any time.
  func check() {
    var windows = 0
    var queued = 0
    for channel in machine.channels.all {
      windows += Int(channel.reservedWindow)
      queued += channel.queuedCost
      let window = channel.window
      guard UInt64(window.remaining) + UInt64(window.unconsumed) + UInt64(window.owed) == UInt64(window.size) else {
        fatalError("window \(window)")
      }
      guard channel.queuedBytes >= 0, channel.queuedCost >= channel.queuedBytes else {
        fatalError("\(channel.queuedBytes) bytes queued, counted as \(channel.queuedCost)")
      }
    }
    guard windows == machine.windows.reserved, windows <= 100_000 else {
      fatalError("windows of \(windows) bytes, counted as \(machine.windows.reserved)")
    }
    guard queued == machine.queuedCost else { fatalError("\(queued) bytes wait, counted as \(machine.queuedCost)") }
    guard machine.openedByUs >= 0, machine.openedByPeer >= 0, machine.sessions >= 0, machine.tombstones >= 0,
      machine.openedByUs <= 6, machine.openedByPeer <= 6, machine.sessions <= 6, machine.tombstones <= 6
    else {
      fatalError(
        "\(machine.openedByUs) \(machine.openedByPeer) \(machine.sessions) \(machine.tombstones)")
    }
    guard machine.events.count < 10_000, machine.round.count < 10_000, transport.pendingBytes < 4 << 20 else {
      fatalError("\(machine.events.count) events, \(machine.round.count) in turn, \(transport.pendingBytes) bytes")
    }
  }
}
