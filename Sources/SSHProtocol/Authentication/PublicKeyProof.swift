import EdgeCrypto
import NIOCore

/// A key whose signature over this session was verified, in the request that carried it. Only `PublicKeyProof.check` makes
/// one, so that an identity can never come from a key that was merely offered (x/crypto CVE-2024-45337).
package struct ProvenKey: Sendable {
  package let key: SSHPublicKey
  package let algorithm: SSHSignatureAlgorithm

  fileprivate init(key: SSHPublicKey, algorithm: SSHSignatureAlgorithm) {
    self.key = key
    self.algorithm = algorithm
  }
}

enum PublicKeyProof {
  /// The key of an offer, if it is one that we can check signatures of and the names fit together (ssh.md 2.4).
  static func usableKey(_ offer: PublicKeyOffer) -> (SSHPublicKey, SSHSignatureAlgorithm)? {
    guard let algorithm = SSHSignatureAlgorithm(rawValue: offer.algorithm) else { return nil }
    let key: SSHPublicKey
    do {
      key = try SSHPublicKey(blob: offer.blob)
    } catch {
      // An unknown or malformed key is refused like any other; the client goes on with its next one.
      return nil
    }
    guard key.signatureAlgorithms.contains(algorithm) else { return nil }
    return (key, algorithm)
  }

  /// RFC 4252 §7: the signature covers the session identifier and the request as it was sent.
  static func check(_ offer: PublicKeyOffer, sessionID: [UInt8], hostKey: [UInt8]) -> ProvenKey? {
    guard let signature = offer.signature, let (key, algorithm) = usableKey(offer) else { return nil }
    guard offer.hostKey == nil || offer.hostKey == hostKey else { return nil }
    guard key.verify(signatureBlob: signature, over: message(offer.signedPart, sessionID), algorithm: algorithm) else {
      return nil
    }
    return ProvenKey(key: key, algorithm: algorithm)
  }

  static func message(_ signedPart: [UInt8], _ sessionID: [UInt8]) -> [UInt8] {
    var buffer = ByteBuffer()
    buffer.writeSSHString(sessionID)
    buffer.writeBytes(signedPart)
    return buffer.bytes
  }
}
