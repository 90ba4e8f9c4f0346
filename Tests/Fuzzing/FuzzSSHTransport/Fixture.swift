import EdgeCrypto
import NIOCore

@testable import SSHProtocol

/// What does not change from input to input. Time stands still and no randomness is drawn but for ephemeral keys, so that
/// an input does the same each time.
enum Fixture {
  static let server: SSHConfiguration = {
    var configuration = SSHConfiguration(role: .server)
    configuration.hostKeys = [key]
    configuration.clock = { 1_000_000_000 }
    configuration.random = { Array(repeating: 5, count: $0) }
    configuration.keepalive = nil
    return configuration
  }()

  private static let key: PrivateKey = {
    guard let key = try? PrivateKey.generate(.ed25519) else { fatalError("no key") }
    return key
  }()

  /// Both directions of one key.
  static func protection(
    _ cipher: CipherAlgorithm, _ mac: MACAlgorithm?, _ use: CipherDirection
  ) -> PacketProtection? {
    try? PacketProtection(
      cipher, mac, nonce: SecretBytes(Array(repeating: 3, count: cipher.nonceLength)),
      key: SecretBytes(Array(repeating: 4, count: cipher.keyLength)),
      macKey: SecretBytes(Array(repeating: 6, count: mac?.primitive.keyLength ?? 0)), use)
  }

  /// A client's identification and KEXINIT, after which message 30 is next.
  static let opening: [UInt8] = {
    var payload = ByteBuffer()
    let names = CipherAlgorithm.allCases.map(\.name)
    let macs = MACAlgorithm.allCases.map(\.name)
    KeyExchangeInitMessage(
      cookie: Array(repeating: 9, count: KeyExchangeInitMessage.cookieLength),
      keyExchange: [KeyExchangeMethod.curve25519.name, AlgorithmNegotiation.extensionsClient],
      hostKey: [SSHSignatureAlgorithm.ed25519.name], encryptionToServer: names, encryptionToClient: names,
      macToServer: macs, macToClient: macs, compressionToServer: ["none"], compressionToClient: ["none"]
    ).write(into: &payload)
    var writer = PacketWriter()
    writer.writeLine(Array("SSH-2.0-fuzz\r\n".utf8))
    guard (try? writer.write(payloadEstimate: 2048, { $0.writeImmutableBuffer(payload) })) != nil else {
      fatalError("no packet")
    }
    var bytes: [UInt8] = []
    while let buffer = writer.take() { bytes += buffer.bytes }
    return bytes
  }()
}
