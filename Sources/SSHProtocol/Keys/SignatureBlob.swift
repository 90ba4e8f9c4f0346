import EdgeCrypto
import NIOCore

/// The signature blobs of RFC 4253 §6.6, RFC 5656 §3.1.2, RFC 8332 §3 and PROTOCOL.u2f.
extension SSHPublicKey {
  /// True only when `blob` is exactly one signature by this key with this algorithm.
  package func verify(
    signatureBlob blob: [UInt8], over message: [UInt8], algorithm: SSHSignatureAlgorithm,
    demands: SecurityKeyDemands = SecurityKeyDemands()
  ) -> Bool {
    guard signatureAlgorithms.contains(algorithm) else { return false }
    do {
      return try check(blob, message, algorithm, demands)
    } catch {
      // A blob that does not parse is no signature.
      return false
    }
  }

  private func check(
    _ blob: [UInt8], _ message: [UInt8], _ algorithm: SSHSignatureAlgorithm, _ demands: SecurityKeyDemands
  ) throws(SSHError) -> Bool {
    var reader = MessageReader(ByteBuffer(bytes: blob), "signature")
    let name = try reader.text("signature algorithm", limit: 64)
    guard name == algorithm.name else { return false }
    var signature = try reader.bytes("signature", limit: SSHPublicKey.signatureLimit)
    if let curve = algorithm.curve {
      guard let raw = try SSHPublicKey.rawECDSA(signature, curve) else { return false }
      signature = raw
    }
    switch algorithm {
    case .securityKeyED25519, .securityKeyECDSA, .webAuthnECDSA:
      let flags = try reader.byte("flags")
      let counter = try reader.uint32("counter")
      var extensions: [UInt8] = []
      var signedHash = Digest.sha256(message)
      if algorithm == .webAuthnECDSA {
        let assertion = try WebAuthnAssertion(&reader)
        guard assertion.isFor(message, flags: flags) else { return false }
        extensions = assertion.extensions
        signedHash = Digest.sha256(assertion.clientData)
      }
      try reader.end()
      guard let application, demands.areMet(by: flags) else { return false }
      var signed = ByteBuffer(bytes: Digest.sha256(application))
      signed.writeInteger(flags)
      signed.writeInteger(counter)
      signed.writeBytes(extensions)
      signed.writeBytes(signedHash)
      return key.verify(signature, over: signed.bytes, algorithm: algorithm.primitive)
    case .rsaSHA256, .rsaSHA512:
      try reader.end()
      // OpenSSH pads a signature that lost its leading zeros; a longer one is none.
      let length = (key.bitCount + 7) / 8
      guard signature.count <= length else { return false }
      let padded = [UInt8](repeating: 0, count: length - signature.count) + signature
      return key.verify(padded, over: message, algorithm: algorithm.primitive)
    case .ed25519, .ecdsaP256, .ecdsaP384, .ecdsaP521:
      try reader.end()
      return key.verify(signature, over: message, algorithm: algorithm.primitive)
    }
  }

  private static func rawECDSA(_ signature: [UInt8], _ curve: Curve) throws(SSHError) -> [UInt8]? {
    var reader = MessageReader(ByteBuffer(bytes: signature), "ECDSA signature")
    let r = try reader.multiplePrecision("r", limits: SSHLimits())
    let s = try reader.multiplePrecision("s", limits: SSHLimits())
    try reader.end()
    return ECDSASignature(r: r, s: s).raw(curve)
  }

  static let signatureLimit = 2048
}

extension PrivateKey {
  /// A whole signature blob: algorithm name and signature in SSH's form.
  package func sshSignature(_ message: [UInt8], algorithm: SSHSignatureAlgorithm) throws(SSHError) -> [UInt8] {
    let signature: [UInt8]
    do {
      signature = try sign(message, algorithm: algorithm.primitive)
    } catch {
      throw .cryptography("signing with \(algorithm.name)", error.message)
    }
    var blob = ByteBuffer()
    blob.writeSSHString(algorithm.name)
    if let curve = algorithm.curve {
      guard let pair = ECDSASignature(raw: signature, curve: curve) else {
        throw .cryptography("signing with \(algorithm.name)", "a malformed signature")
      }
      var inner = ByteBuffer()
      inner.writeMultiplePrecision(pair.r)
      inner.writeMultiplePrecision(pair.s)
      blob.writeSSHString(inner)
    } else {
      blob.writeSSHString(signature)
    }
    return blob.bytes
  }
}
