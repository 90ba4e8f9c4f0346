import EdgeCrypto
import NIOCore

/// The signature algorithms we make and check, by their SSH names. `ssh-rsa` (SHA-1) and DSA are not among them.
package enum SSHSignatureAlgorithm: String, Sendable, Hashable, CaseIterable {
  case ed25519 = "ssh-ed25519"
  case ecdsaP256 = "ecdsa-sha2-nistp256"
  case ecdsaP384 = "ecdsa-sha2-nistp384"
  case ecdsaP521 = "ecdsa-sha2-nistp521"
  case rsaSHA512 = "rsa-sha2-512"
  case rsaSHA256 = "rsa-sha2-256"
  case securityKeyED25519 = "sk-ssh-ed25519@openssh.com"
  case securityKeyECDSA = "sk-ecdsa-sha2-nistp256@openssh.com"
  /// A FIDO key's signature made by a browser (PROTOCOL.u2f).
  case webAuthnECDSA = "webauthn-sk-ecdsa-sha2-nistp256@openssh.com"

  package var name: String { rawValue }

  /// The type name inside the key's blob.
  package var keyTypeName: String {
    switch self {
    case .rsaSHA512, .rsaSHA256: "ssh-rsa"
    case .webAuthnECDSA: SSHSignatureAlgorithm.securityKeyECDSA.rawValue
    case .ed25519, .ecdsaP256, .ecdsaP384, .ecdsaP521, .securityKeyED25519, .securityKeyECDSA: rawValue
    }
  }

  var primitive: SignatureAlgorithm {
    switch self {
    case .ed25519, .securityKeyED25519: .ed25519
    case .ecdsaP256, .securityKeyECDSA, .webAuthnECDSA: .ecdsaSHA256
    case .ecdsaP384: .ecdsaSHA384
    case .ecdsaP521: .ecdsaSHA512
    case .rsaSHA512: .rsaPKCS1SHA512
    case .rsaSHA256: .rsaPKCS1SHA256
    }
  }

  var curve: Curve? {
    switch self {
    case .ecdsaP256, .securityKeyECDSA, .webAuthnECDSA: .p256
    case .ecdsaP384: .p384
    case .ecdsaP521: .p521
    case .ed25519, .rsaSHA512, .rsaSHA256, .securityKeyED25519: nil
    }
  }

  /// What a key of this type can sign with, preferred first.
  package static func algorithms(for type: KeyType) -> [SSHSignatureAlgorithm] {
    switch type {
    case .ed25519: [.ed25519]
    case .ecdsa(.p256): [.ecdsaP256]
    case .ecdsa(.p384): [.ecdsaP384]
    case .ecdsa(.p521): [.ecdsaP521]
    case .rsa: [.rsaSHA512, .rsaSHA256]
    }
  }

  /// What users may sign with: the value of `server-sig-algs` (RFC 8308 §3.1), in the order of ssh.md 1.9.
  static let offeredToUsers: [SSHSignatureAlgorithm] = [
    .ed25519, .securityKeyED25519, .ecdsaP256, .ecdsaP384, .ecdsaP521, .securityKeyECDSA, .webAuthnECDSA, .rsaSHA512,
    .rsaSHA256,
  ]
}
