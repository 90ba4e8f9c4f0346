import EdgeCrypto
import NIOCore

/// The answer to hostkeys-prove-00 (PROTOCOL §2.5): a signature by every host key that the client asked about. A value, so
/// that it may run on any thread: an RSA signature takes milliseconds.
package struct HostKeyProofWork: Sendable {
  private struct Proof: Sendable {
    let key: PrivateKey
    let algorithm: SSHSignatureAlgorithm
    let signed: [UInt8]
  }

  let token: ReplyToken
  private let proofs: [Proof]

  package struct Outcome: Sendable {
    let reply: ByteBuffer
  }

  /// Nil when a blob is not one of our keys.
  init?(
    of blobs: [[UInt8]], configuration: SSHConfiguration, sessionID: [UInt8], negotiated: SSHSignatureAlgorithm?,
    token: ReplyToken
  ) {
    guard !blobs.isEmpty, blobs.count <= configuration.identities.count else { return nil }
    self.token = token
    var proofs: [Proof] = []
    for blob in blobs {
      guard let identity = configuration.identities.first(where: { $0.publicKey.blob == blob }),
        // An RSA key signs as it did in the key exchange, if it did.
        let algorithm = identity.publicKey.signatureAlgorithms.first(where: { $0 == negotiated })
          ?? identity.publicKey.signatureAlgorithms.first
      else { return nil }
      var signed = ByteBuffer()
      signed.writeSSHString(GlobalRequest.hostKeysProve)
      signed.writeSSHString(sessionID)
      signed.writeSSHString(blob)
      proofs.append(Proof(key: identity.privateKey, algorithm: algorithm, signed: signed.bytes))
    }
    self.proofs = proofs
  }

  package func run() throws(SSHError) -> Outcome {
    var reply = ByteBuffer()
    reply.writeInteger(MessageNumber.requestSuccess)
    for proof in proofs {
      reply.writeSSHString(try proof.key.sshSignature(proof.signed, algorithm: proof.algorithm))
    }
    return Outcome(reply: reply)
  }

  /// As with key exchanges: better not on an event loop.
  var isExpensive: Bool { proofs.contains { $0.algorithm.isExpensiveToSign } }
}

extension SSHSignatureAlgorithm {
  /// Near a millisecond or more (ssh.md 6.1): RSA with 3072 bits takes two, Ed25519 and P-256 a twentieth of one.
  var isExpensiveToSign: Bool {
    switch self {
    case .rsaSHA256, .rsaSHA512, .ecdsaP384, .ecdsaP521: true
    case .ed25519, .ecdsaP256, .securityKeyED25519, .securityKeyECDSA, .webAuthnECDSA: false
    }
  }
}
