import EdgeCrypto
import NIOCore

/// A key whose signature over this session was verified, in the request that carried it. Only `PublicKeyProof.check` makes
/// one, so that an identity can never come from a key that was merely offered (x/crypto CVE-2024-45337).
package struct ProvenKey: Sendable {
  /// The identity. Of a certificate: the plain key inside.
  package let key: SSHPublicKey
  package let algorithm: SSHKeyAlgorithm
  /// What the certificate allows its bearer, if the key came in one.
  package let terms: CertificateTerms?

  fileprivate init(key: SSHPublicKey, algorithm: SSHKeyAlgorithm, terms: CertificateTerms?) {
    self.key = key
    self.algorithm = algorithm
    self.terms = terms
  }
}

/// What is known of the client that offers keys.
struct OfferingClient: Sendable {
  /// Where it connects from; an IP address.
  var address: String?
  /// OpenSSH up to 7.7 signs with SHA-2 for RSA certificates that it announces by their SHA-1 name (ssh.md 1.1, SIGTYPE).
  var announcesOldRSACertificates = false
}

/// An offer that we can check signatures of.
struct UsableKey: Sendable {
  let key: SSHPublicKey
  let algorithm: SSHKeyAlgorithm
  let certificate: SSHCertificate?
  let terms: CertificateTerms?
}

enum PublicKeyProof {
  /// The key of an offer, if it is one that we can check signatures of and the names fit together (ssh.md 2.4). Nil: refused
  /// like any other, and the client goes on with its next one.
  static func usableKey(
    _ offer: PublicKeyOffer, from client: OfferingClient, _ surroundings: CertificateSurroundings?
  ) throws(CertificateRefusal) -> UsableKey? {
    guard let algorithm = algorithm(of: offer, client) else { return nil }
    if algorithm.isCertificate {
      let certificate: SSHCertificate
      do {
        certificate = try SSHCertificate(blob: offer.blob)
      } catch {
        throw CertificateRefusal(reason: error.diagnostic)
      }
      guard certificate.algorithms.contains(algorithm) else { return nil }
      let terms = try CertificateTerms(of: certificate, from: client.address, surroundings)
      return UsableKey(key: certificate.key, algorithm: algorithm, certificate: certificate, terms: terms)
    }
    guard let key = try? SSHPublicKey(blob: offer.blob), key.signatureAlgorithms.contains(algorithm.signature) else {
      return nil
    }
    return UsableKey(key: key, algorithm: algorithm, certificate: nil, terms: nil)
  }

  private static func algorithm(of offer: PublicKeyOffer, _ client: OfferingClient) -> SSHKeyAlgorithm? {
    guard offer.algorithm == SSHKeyAlgorithm.oldRSACertificateName, client.announcesOldRSACertificates else {
      return SSHKeyAlgorithm(rawValue: offer.algorithm)
    }
    // Which of the two it means, its signature says.
    guard let signature = offer.signature else { return .certified(.rsaSHA512) }
    var reader = MessageReader(ByteBuffer(bytes: signature), "signature")
    switch try? reader.text("algorithm", limit: SSHLimits().nameLength) {
    case SSHSignatureAlgorithm.rsaSHA512.name: return .certified(.rsaSHA512)
    case SSHSignatureAlgorithm.rsaSHA256.name: return .certified(.rsaSHA256)
    default: return nil
    }
  }

  /// RFC 4252 §7: the signature covers the session identifier and the request as it was sent.
  static func check(
    _ offer: PublicKeyOffer, _ usable: UsableKey, sessionID: [UInt8], hostKey: [UInt8]
  ) throws(CertificateRefusal) -> ProvenKey? {
    guard let signature = offer.signature, offer.hostKey == nil || offer.hostKey == hostKey else { return nil }
    if let certificate = usable.certificate, !certificate.hasValidSignature {
      throw CertificateRefusal(reason: "its authority's signature is wrong, or of a kind that is not accepted")
    }
    let isProved = usable.key.verify(
      signatureBlob: signature, over: message(offer.signedPart, sessionID), algorithm: usable.algorithm.signature,
      demands: usable.terms?.demands ?? SecurityKeyDemands())
    if !isProved, usable.terms?.waivesTouch == true {
      throw CertificateRefusal(
        reason: "the signature is wrong, or made without a touch, which its `no-touch-required` does not spare here")
    }
    return isProved ? ProvenKey(key: usable.key, algorithm: usable.algorithm, terms: usable.terms) : nil
  }

  static func message(_ signedPart: [UInt8], _ sessionID: [UInt8]) -> [UInt8] {
    var buffer = ByteBuffer()
    buffer.writeSSHString(sessionID)
    buffer.writeBytes(signedPart)
    return buffer.bytes
  }
}
