import EdgeCrypto
import NIOCore

@testable import SSHProtocol

/// A client that says what it is told to, in clear: for what may go wrong before the first keys.
struct RawPeer: ~Copyable {
  var connection: SSHConnection
  private var writer = PacketWriter()
  var error: SSHError?
  var events: [SSHEvent] = []
  let time = ManualClock()

  init(ident: String = "SSH-2.0-RawPeer_1.0", configure: (inout SSHConfiguration) -> Void = { _ in }) {
    var configuration = SSHConfiguration(role: .server)
    configuration.hostKeys = [Fixtures.ed25519]
    configuration.clock = time.clock
    configure(&configuration)
    connection = SSHConnection(configuration)
    connection.start()
    feed(ByteBuffer(string: ident + "\r\n"))
  }

  mutating func feed(_ bytes: ByteBuffer) {
    guard error == nil else { return }
    do {
      try connection.receive(bytes)
    } catch {
      self.error = error
      return connection.disconnect(error)
    }
    drain()
  }

  mutating func passTime() -> SSHError? {
    do {
      try connection.timePassed()
      return nil
    } catch {
      return error
    }
  }

  /// As after a first, strict key exchange, but with packets in clear: for what may go wrong later, without the cost.
  mutating func establish() {
    let hostKey = SSHPublicKey(Fixtures.ed25519.publicKey)
    let algorithms = NegotiatedAlgorithms(
      keyExchange: .curve25519, hostKey: .plain(.ed25519), cipherToServer: .aes128GCM, cipherToClient: .aes128GCM)
    let summary = KeyExchangeSummary(
      peerIdentification: "SSH-2.0-RawPeer_1.0", sessionID: RawPeer.session, algorithms: algorithms, isStrict: true,
      hostKey: hostKey, hostKeyBlob: hostKey.blob)
    connection.transport.isStrict = true
    connection.transport.ownOffer = OfferComposition.first(connection.configuration, nil, nil)
    connection.transport.offerDeadline = nil
    connection.transport.exchangeDeadline = nil
    connection.transport.established = TransportMachine.Established(
      sessionID: RawPeer.session, hostKey: hostKey, hostKeyBlob: hostKey.blob, algorithms: algorithms)
    connection.transport.events.append(.keysEstablished(summary))
    drain()
  }

  private static let session = [UInt8](repeating: 7, count: 32)

  private mutating func drain() {
    do {
      while let event = try connection.nextEvent() { events.append(event) }
    } catch {
      self.error = error
      connection.disconnect(error)
    }
  }

  mutating func proveKey() { request(.publicKey(Fixtures.otherED25519)) }

  mutating func request(_ method: ClientMethod) {
    do {
      var client = ClientAuthentication(SharedSSHConfiguration(SSHConfiguration(role: .client)))
      send(try client.request(method, username: "alice", sessionID: RawPeer.session).bytes)
    } catch {
      self.error = error
    }
  }

  var lastLogin: LoginAttempt? {
    for case .login(let login) in events.reversed() { return login.attempt }
    return nil
  }

  mutating func send(_ payload: [UInt8]) {
    do {
      try writer.write(payloadEstimate: payload.count) { $0.writeBytes(payload) }
    } catch {
      self.error = error
    }
    while let bytes = writer.take() { feed(bytes) }
  }

  mutating func sendOffer(_ change: (inout KeyExchangeInitMessage) -> Void = { _ in }) {
    var message = RawPeer.offer()
    change(&message)
    var payload = ByteBuffer()
    message.write(into: &payload)
    send(payload.bytes)
  }

  static func offer(strict: Bool = true) -> KeyExchangeInitMessage {
    let ciphers = ["chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com"]
    return KeyExchangeInitMessage(
      cookie: [UInt8](repeating: 9, count: 16),
      keyExchange: ["curve25519-sha256", "ext-info-c"] + (strict ? ["kex-strict-c-v00@openssh.com"] : []),
      hostKey: ["ssh-ed25519"], encryptionToServer: ciphers, encryptionToClient: ciphers,
      macToServer: ["hmac-sha2-256"],
      macToClient: ["hmac-sha2-256"], compressionToServer: ["none"], compressionToClient: ["none"])
  }

  mutating func sendPublic() {
    var payload = ByteBuffer()
    payload.writeInteger(MessageNumber.keyExchangeRequest)
    payload.writeSSHString((try? X25519().publicKey) ?? [])
    send(payload.bytes)
  }

  /// What the server has sent: its identification and then payloads in clear.
  mutating func received() -> [[UInt8]] {
    var reader = PacketReader(maximumLength: 35_000)
    var payloads: [[UInt8]] = []
    while var bytes = connection.takeOutbound() {
      if bytes.getString(at: bytes.readerIndex, length: 4) == "SSH-" {
        while let byte = bytes.readInteger(as: UInt8.self), byte != UInt8(ascii: "\n") {}
      }
      do {
        while let packet = try reader.next(&bytes) {
          payloads.append(packet.payload(in: bytes, copied: true).bytes)
          if packet.number == MessageNumber.newKeys { return payloads }
        }
      } catch {
        return payloads
      }
    }
    return payloads
  }
}
