import EdgeCrypto
import NIOCore

@testable import SSHProtocol

/// Signs as a FIDO device does (PROTOCOL.u2f).
enum SecurityKeyFixture {
  static func blob(_ key: PrivateKey, application: String) -> [UInt8] {
    let plain = SSHPublicKey(key.publicKey)
    var buffer = ByteBuffer()
    buffer.writeSSHString("sk-" + plain.algorithmName + "@openssh.com")
    buffer.writeBytes(plain.blob.dropFirst(4 + plain.algorithmName.utf8.count))
    buffer.writeSSHString(application)
    return buffer.bytes
  }

  /// With `clientData` as a browser does.
  static func signature(
    by key: PrivateKey, application: String, over message: [UInt8], flags: UInt8, counter: UInt32,
    origin: String = "", clientData: [UInt8]? = nil, extensions: [UInt8] = []
  ) throws -> [UInt8] {
    var signed = ByteBuffer(bytes: Digest.sha256(application))
    signed.writeInteger(flags)
    signed.writeInteger(counter)
    signed.writeBytes(extensions)
    signed.writeBytes(Digest.sha256(clientData ?? message))
    let plain = SSHSignatureAlgorithm.algorithms(for: key.publicKey.type)[0]
    let made = try key.sshSignature(signed.bytes, algorithm: plain)
    var inner = MessageReader(ByteBuffer(bytes: made), "signature")
    _ = try inner.text("name", limit: 64)
    var buffer = ByteBuffer()
    buffer.writeSSHString((clientData == nil ? "sk-" : "webauthn-sk-") + plain.name + "@openssh.com")
    buffer.writeSSHString(try inner.bytes("signature", limit: 1024))
    buffer.writeInteger(flags)
    buffer.writeInteger(counter)
    if let clientData {
      buffer.writeSSHString(origin)
      buffer.writeSSHString(clientData)
      buffer.writeSSHString(extensions)
    }
    return buffer.bytes
  }
}
