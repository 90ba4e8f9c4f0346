import EdgeCrypto
import NIOCore

@testable import SSHProtocol

/// Makes certificates as an authority would, right or wrong in any field.
struct CertificateFixture {
  var type: String?
  var nonce = [UInt8](repeating: 3, count: 32)
  var key = Fixtures.ed25519
  var serial: UInt64 = 7
  var kind: UInt32 = 1
  var keyID = "alice"
  var principals = ["alice"]
  var validAfter: UInt64 = 1000
  var validBefore: UInt64 = 2000
  var critical: [(String, [UInt8])] = []
  var extensions: [(String, [UInt8])] = [("permit-port-forwarding", []), ("permit-pty", [])]
  var authority = Fixtures.otherED25519
  /// What stands in the authority's field, if not the authority's key.
  var authorityBlob: [UInt8]?
  var algorithm: SSHSignatureAlgorithm?
  /// Of a FIDO key: its application stands behind the key.
  var application: String?

  /// Option text is wrapped twice.
  static func text(_ text: String) -> [UInt8] {
    var buffer = ByteBuffer()
    buffer.writeSSHString(text)
    return buffer.bytes
  }

  private static func section(_ options: [(String, [UInt8])]) -> ByteBuffer {
    var buffer = ByteBuffer()
    for (name, data) in options {
      buffer.writeSSHString(name)
      buffer.writeSSHString(data)
    }
    return buffer
  }

  var blob: [UInt8] {
    let plain = SSHPublicKey(key.publicKey)
    var buffer = ByteBuffer()
    let plainType = application == nil ? plain.algorithmName : "sk-" + plain.algorithmName
    buffer.writeSSHString(type ?? SSHKeyAlgorithm.certificateName(plainType))
    buffer.writeSSHString(nonce)
    // The fields of the plain blob behind its type name.
    buffer.writeBytes(plain.blob.dropFirst(4 + plain.algorithmName.utf8.count))
    if let application { buffer.writeSSHString(application) }
    buffer.writeInteger(serial)
    buffer.writeInteger(kind)
    buffer.writeSSHString(keyID)
    var names = ByteBuffer()
    for principal in principals { names.writeSSHString(principal) }
    buffer.writeSSHString(names)
    buffer.writeInteger(validAfter)
    buffer.writeInteger(validBefore)
    buffer.writeSSHString(Self.section(critical))
    buffer.writeSSHString(Self.section(extensions))
    buffer.writeSSHString("")
    buffer.writeSSHString(authorityBlob ?? SSHPublicKey(authority.publicKey).blob)
    let algorithm = algorithm ?? SSHSignatureAlgorithm.algorithms(for: authority.publicKey.type)[0]
    let signature = (try? authority.sshSignature(buffer.bytes, algorithm: algorithm)) ?? []
    buffer.writeSSHString(signature)
    return buffer.bytes
  }

  func certificate() throws -> SSHCertificate { try SSHCertificate(blob: blob) }

  /// Surroundings of a test: the time, and blocks that are compared as text.
  static func surroundings(now: UInt64 = 1500) -> CertificateSurroundings {
    CertificateSurroundings(
      now: { now },
      isWithin: { address, blocks in blocks.contains("broken") ? nil : blocks.contains(address + "/32") })
  }
}
