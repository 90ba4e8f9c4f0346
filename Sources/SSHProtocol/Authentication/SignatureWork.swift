/// The check of a user's signature, and of the authority's where the key came in a certificate. A value, so that it may run
/// on any thread. Whoever has it owes `completeSignature`; the connection takes no further message until then.
package struct SignatureWork: Sendable {
  let offer: PublicKeyOffer
  let usable: UsableKey
  let sessionID: [UInt8]
  let hostKey: [UInt8]
  let username: String
  /// Which check of the connection it is.
  let number: UInt32

  package struct Outcome: Sendable {
    /// Nil: not proved.
    let proof: ProvenKey?
    let refusal: CertificateRefusal?
  }

  package func run() -> Outcome {
    do {
      let proof = try PublicKeyProof.check(offer, usable, sessionID: sessionID, hostKey: hostKey)
      return Outcome(proof: proof, refusal: nil)
    } catch {
      return Outcome(proof: nil, refusal: error)
    }
  }

  /// Better not on an event loop: above about 150 µs. Two checks of the cheap kind are more than that.
  var isExpensive: Bool { usable.certificate != nil || usable.algorithm.signature.isExpensiveToVerify }
}

extension SSHSignatureAlgorithm {
  /// Measured on the machine of ssh.md 6.1: Ed25519 takes 0.10 to 0.12 ms, P-256 0.06, P-384 0.8, P-521 0.6, RSA from 0.02
  /// (2048 bits) to 2 (8192 bits and an exponent of 32): its keys are as dear as their owner likes.
  var isExpensiveToVerify: Bool {
    switch self {
    case .rsaSHA256, .rsaSHA512, .ecdsaP384, .ecdsaP521: true
    case .ed25519, .ecdsaP256, .securityKeyED25519, .securityKeyECDSA, .webAuthnECDSA: false
    }
  }
}
