import EdgeCrypto
import NIOCore

@testable import SSHProtocol

/// Genuine keys, signatures and certificates. Generated keys differ from run to run: an input that edits them means the
/// same, because every object is laid out alike each time.
enum Fixture {
  static let message = Array("what is signed".utf8)

  struct Signer {
    let key: SSHPublicKey
    let algorithm: SSHSignatureAlgorithm
    let signature: [UInt8]
    var blob: [UInt8] { key.blob }
  }

  static let signers: [Signer] = {
    var signers: [Signer] = []
    for type in [PrivateKey.Kind.ed25519, .ecdsa(.p256), .ecdsa(.p384), .ecdsa(.p521), .rsa(bits: 2048)] {
      guard let key = try? PrivateKey.generate(type) else { fatalError("no key of type \(type)") }
      let publicKey = SSHPublicKey(key.publicKey)
      for algorithm in publicKey.signatureAlgorithms {
        guard let signature = try? key.sshSignature(message, algorithm: algorithm) else { fatalError("\(algorithm)") }
        signers.append(Signer(key: publicKey, algorithm: algorithm, signature: signature))
      }
    }
    return signers + [securityKey]
  }()

  /// ssh.md, appendix A.3.
  private static let securityKey: Signer = {
    guard let seed = try? PrivateKey(ed25519Seed: Array(repeating: 2, count: 32)),
      case .ed25519(let point) = seed.publicKey.parts
    else { fatalError("no Ed25519 key of a seed") }
    var blob = ByteBuffer()
    blob.writeSSHString(SSHSignatureAlgorithm.securityKeyED25519.name)
    blob.writeSSHString(point)
    blob.writeSSHString("ssh:")
    var signed = ByteBuffer(bytes: Digest.sha256("ssh:"))
    signed.writeBytes([1, 0, 0, 0, 5])
    signed.writeBytes(Digest.sha256(message))
    guard let key = try? SSHPublicKey(blob: blob.bytes),
      let signature = try? seed.sign(signed.bytes, algorithm: .ed25519)
    else { fatalError("no security key") }
    var written = ByteBuffer()
    written.writeSSHString(SSHSignatureAlgorithm.securityKeyED25519.name)
    written.writeSSHString(signature)
    written.writeBytes([1, 0, 0, 0, 5])
    return Signer(key: key, algorithm: .securityKeyED25519, signature: written.bytes)
  }()

  /// As ssh-keygen writes them (Seeds/certificate-*), and as the reader takes them.
  static let certificates: [[UInt8]] = {
    guard let authority = try? PrivateKey.generate(.ed25519) else { fatalError("no key") }
    return signers.filter { $0.algorithm != .rsaSHA256 }.map { signer in
      var fields = ByteBuffer(bytes: signer.blob)
      let type = fields.readInteger(as: UInt32.self).flatMap { fields.readString(length: Int($0)) } ?? ""
      var blob = ByteBuffer()
      blob.writeSSHString(SSHKeyAlgorithm.certificateName(type))
      blob.writeSSHString(Array(repeating: 3, count: 32))
      blob.writeImmutableBuffer(fields)
      blob.writeInteger(UInt64(42))
      blob.writeInteger(SSHCertificate.Kind.user.rawValue)
      blob.writeSSHString("alice@example.com sid=7")
      blob.writeSSHString(sequence(["alice"]))
      blob.writeInteger(UInt64(1_700_000_000))
      blob.writeInteger(UInt64(1_700_003_600))
      blob.writeSSHString(sequence(["source-address", sequence(["192.0.2.10"])]))
      blob.writeSSHString(sequence(["no-touch-required", "", "permit-port-forwarding", "", "permit-pty", ""]))
      blob.writeSSHString("")
      blob.writeSSHString(SSHPublicKey(authority.publicKey).blob)
      guard let signature = try? authority.sshSignature(blob.bytes, algorithm: .ed25519) else { fatalError("unsigned") }
      blob.writeSSHString(signature)
      return blob.bytes
    }
  }()

  private static func sequence(_ parts: [String]) -> String {
    var buffer = ByteBuffer()
    for part in parts { buffer.writeSSHString(part) }
    return String(buffer: buffer)
  }
}
