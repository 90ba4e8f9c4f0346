import EdgeCrypto
import NIOCore

@testable import SSHProtocol

/// Keys and settings, the same for every input of a run.
enum Fixture {
  nonisolated(unsafe) static var now: UInt64 = 1_000_000_000

  static let settings: SSHConfiguration = {
    var configuration = SSHConfiguration(role: .server)
    configuration.hostKeys = [generated(.ed25519)]
    configuration.clock = { now }
    configuration.keepalive = nil
    return configuration
  }()

  static let server = SharedSSHConfiguration(settings)
  static let hostKey = settings.identities.first?.publicKey.blob ?? []

  struct UserKey {
    let algorithm: SSHSignatureAlgorithm
    let blob: [UInt8]
    let privateKey: PrivateKey
    /// Of a FIDO key: 1 means that it was touched.
    var flags: UInt8?

    var isGood: Bool { flags.map { $0 & 1 == 1 } ?? true }

    func sign(_ message: [UInt8]) -> [UInt8] {
      guard let flags else { return (try? privateKey.sshSignature(message, algorithm: algorithm)) ?? [0] }
      var told = ByteBuffer()
      told.writeInteger(flags)
      told.writeInteger(UInt32(1))
      var signed = ByteBuffer(bytes: Digest.sha256(application))
      signed.writeBytes(told.bytes)
      signed.writeBytes(Digest.sha256(message))
      var blob = ByteBuffer()
      blob.writeSSHString(algorithm.name)
      blob.writeSSHString((try? privateKey.sign(signed.bytes, algorithm: .ed25519)) ?? [])
      blob.writeBytes(told.bytes)
      return blob.bytes
    }
  }

  private static let application = "ssh:"

  static let userKeys: [UserKey] = {
    var keys: [UserKey] = []
    for (type, algorithm) in [
      (PrivateKey.Kind.ed25519, SSHSignatureAlgorithm.ed25519), (.ed25519, .ed25519), (.ecdsa(.p256), .ecdsaP256),
      (.ecdsa(.p384), .ecdsaP384),
    ] {
      let key = generated(type)
      keys.append(UserKey(algorithm: algorithm, blob: SSHPublicKey(key.publicKey).blob, privateKey: key))
    }
    for flags in [UInt8(0), 1, 0x84] {
      let key = generated(.ed25519)
      guard case .ed25519(let point) = key.publicKey.parts else { fatalError("no Ed25519 key") }
      var blob = ByteBuffer()
      blob.writeSSHString(SSHSignatureAlgorithm.securityKeyED25519.name)
      blob.writeSSHString(point)
      blob.writeSSHString(application)
      keys.append(
        UserKey(algorithm: .securityKeyED25519, blob: blob.bytes, privateKey: key, flags: flags))
    }
    return keys
  }()

  static func anotherAlgorithm(_ key: UserKey) -> SSHSignatureAlgorithm {
    key.algorithm == .ed25519 ? .ecdsaP256 : .ed25519
  }

  static func prompt(_ questions: Int) -> InteractivePrompt {
    InteractivePrompt(
      name: "Sign in", instruction: "at https://edge.test/",
      questions: (0..<questions).map { InteractivePrompt.Question(text: "\($0): ", echo: true) })
  }

  private static func generated(_ type: PrivateKey.Kind) -> PrivateKey {
    guard let key = try? PrivateKey.generate(type) else { fatalError("no key of type \(type)") }
    return key
  }
}
