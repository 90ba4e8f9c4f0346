import EdgeCrypto
import NIOCore
import PlainText

/// A public key as SSH writes it: the blob of RFC 4253 §6.6, and the key inside.
package struct SSHPublicKey: Sendable, Hashable {
  /// The whole blob; two keys are the same when their blobs are.
  package let blob: [UInt8]
  package let key: PublicKey
  /// Of a FIDO key (PROTOCOL.u2f): what the authenticator signs for; begins `ssh:`, unless a browser made the key.
  package let application: String?
  /// The type name at the head of the blob.
  package let algorithmName: String

  package static let blobLimit = 16_384

  package init(_ key: PublicKey) {
    self.key = key
    self.application = nil
    var buffer = ByteBuffer()
    switch key.parts {
    case .ed25519(let point):
      algorithmName = SSHSignatureAlgorithm.ed25519.name
      buffer.writeSSHString(algorithmName)
      buffer.writeSSHString(point)
    case .ecdsa(let curve, let point):
      algorithmName = "ecdsa-sha2-\(curve.sshName)"
      buffer.writeSSHString(algorithmName)
      buffer.writeSSHString(curve.sshName)
      buffer.writeSSHString(point)
    case .rsa(let modulus, let exponent):
      algorithmName = "ssh-rsa"
      buffer.writeSSHString(algorithmName)
      buffer.writeMultiplePrecision(exponent)
      buffer.writeMultiplePrecision(modulus)
    }
    blob = buffer.bytes
  }

  package init(blob: [UInt8]) throws(SSHError) {
    var reader = MessageReader(ByteBuffer(bytes: blob), "public key")
    guard blob.count <= SSHPublicKey.blobLimit else {
      throw reader.failure("at most \(SSHPublicKey.blobLimit) bytes", "\(blob.count)")
    }
    let type = try reader.text("key type", limit: SSHLimits().nameLength)
    try self.init(type: type, fields: &reader)
    try reader.end()
  }

  /// The fields behind the type name, as they stand in key blobs and, behind the nonce, in certificates. `blob` is written
  /// anew: an RSA key whose numbers came with extra zeros has the same fingerprint as without.
  init(type: String, fields reader: inout MessageReader) throws(SSHError) {
    let limits = SSHLimits()
    let parts: PublicKey.Parts
    var application: String?
    switch type {
    case "ssh-ed25519":
      parts = .ed25519(try reader.bytes("key", limit: 64))
    case "ecdsa-sha2-nistp256":
      parts = try SSHPublicKey.ellipticParts(&reader, .p256)
    case "ecdsa-sha2-nistp384":
      parts = try SSHPublicKey.ellipticParts(&reader, .p384)
    case "ecdsa-sha2-nistp521":
      parts = try SSHPublicKey.ellipticParts(&reader, .p521)
    case "ssh-rsa":
      let exponent = try reader.multiplePrecision("exponent", limits: limits)
      let modulus = try reader.multiplePrecision("modulus", limits: limits)
      parts = .rsa(modulus: modulus, exponent: exponent)
    case "sk-ssh-ed25519@openssh.com":
      parts = .ed25519(try reader.bytes("key", limit: 64))
      application = try SSHPublicKey.applicationName(&reader)
    case "sk-ecdsa-sha2-nistp256@openssh.com":
      parts = try SSHPublicKey.ellipticParts(&reader, .p256)
      application = try reader.text("application", limit: 256)
    default:
      throw reader.failure("a known key type", type.printable(limit: 64))
    }
    let key: PublicKey
    do {
      key = try PublicKey(parts)
    } catch {
      throw reader.failure("a usable \(type) key", error.message)
    }
    let plain = SSHPublicKey(key)
    self.key = key
    self.application = application
    self.algorithmName = type
    guard let application else {
      blob = plain.blob
      return
    }
    var buffer = ByteBuffer()
    buffer.writeSSHString(type)
    switch parts {
    case .ecdsa(let curve, let point):
      buffer.writeSSHString(curve.sshName)
      buffer.writeSSHString(point)
    case .ed25519(let point), .rsa(let point, _):
      buffer.writeSSHString(point)
    }
    buffer.writeSSHString(application)
    blob = buffer.bytes
  }

  private static func ellipticParts(_ reader: inout MessageReader, _ curve: Curve) throws(SSHError) -> PublicKey.Parts {
    let name = try reader.text("curve", limit: 64)
    guard name == curve.sshName else {
      throw reader.failure("curve \(curve.sshName)", name.printable(limit: 64))
    }
    return .ecdsa(curve, point: try reader.bytes("point", limit: 1 + 2 * curve.coordinateLength))
  }

  private static func applicationName(_ reader: inout MessageReader) throws(SSHError) -> String {
    let name = try reader.text("application", limit: 256)
    guard name.hasPrefix(applicationPrefix) else {
      throw reader.failure("an application ssh:", name.printable(limit: 64))
    }
    return name
  }

  private static let applicationPrefix = "ssh:"

  /// `SHA256:` and unpadded base64, as OpenSSH prints it.
  package var fingerprint: String {
    var text = Base64.encode(Digest.sha256(blob))
    while text.hasSuffix("=") { text.removeLast() }
    return "SHA256:" + text
  }

  /// The signature algorithms that fit this key.
  package var signatureAlgorithms: [SSHSignatureAlgorithm] {
    switch algorithmName {
    case SSHSignatureAlgorithm.securityKeyED25519.name: [.securityKeyED25519]
    // What a browser made for a site's own name signs as a browser does, never as ssh's own helper.
    case SSHSignatureAlgorithm.securityKeyECDSA.name:
      application?.hasPrefix(SSHPublicKey.applicationPrefix) == true
        ? [.securityKeyECDSA, .webAuthnECDSA] : [.webAuthnECDSA]
    default: SSHSignatureAlgorithm.algorithms(for: key.type)
    }
  }

  package static func == (left: SSHPublicKey, right: SSHPublicKey) -> Bool { left.blob == right.blob }
  package func hash(into hasher: inout Hasher) { hasher.combine(blob) }
}

extension SSHPublicKey {
  /// One line of an authorized_keys or known_hosts file, without options or hosts.
  package func authorizedKeysLine(comment: String = "") -> String {
    let line = "\(algorithmName) \(Base64.encode(blob))"
    return comment.isEmpty ? line : line + " " + comment
  }

  /// Reads `type base64 [comment]`; options before the type are skipped, quoted blanks included.
  package init(authorizedKeysLine line: String) throws(SSHError) {
    var fields: [Substring] = []
    var start: String.Index?
    var quoted = false
    for index in line.indices {
      let character = line[index]
      if character == "\"" { quoted.toggle() }
      if character.isWhitespace, !quoted {
        if let begun = start { fields.append(line[begun..<index]) }
        start = nil
      } else if start == nil {
        start = index
      }
    }
    if let begun = start { fields.append(line[begun...]) }
    for (type, encoded) in zip(fields, fields.dropFirst()).prefix(2) {
      guard let blob = Base64.decodeLenient(String(encoded)) else { continue }
      let key: SSHPublicKey
      do {
        key = try SSHPublicKey(blob: blob)
      } catch {
        continue
      }
      if key.algorithmName == type {
        self = key
        return
      }
    }
    throw .malformed("authorized_keys line", expected: "type and base64 of a key", got: "\(fields.count) fields")
  }
}
