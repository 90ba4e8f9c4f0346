@testable import EdgeCrypto

/// Genuine key files of every kind.
enum Fixture {
  private static let keys: [PrivateKey] = [
    PrivateKey.Kind.ed25519, .ecdsa(.p256), .ecdsa(.p384), .ecdsa(.p521), .rsa(bits: 2048),
  ].map {
    guard let key = try? PrivateKey.generate($0) else { fatalError("no key of type \($0)") }
    return key
  }

  static let openSSH: [String] = keys.map { (try? $0.openSSHPEM()) ?? "" }
  static let binary: [[UInt8]] = openSSH.map { PEMBlock.all(in: $0).first?.bytes ?? [] }
  static let pkcs8: [String] = keys.map { (try? $0.pkcs8PEM()) ?? "" }

  static func armoured(_ bytes: [UInt8]) -> String {
    "-----BEGIN OPENSSH PRIVATE KEY-----\n\(Base64.encode(bytes))\n-----END OPENSSH PRIVATE KEY-----\n"
  }

  static func algorithm(of key: PrivateKey) -> SignatureAlgorithm? {
    switch key.publicKey.type {
    case .ed25519: .ed25519
    case .ecdsa(.p256): .ecdsaSHA256
    case .ecdsa(.p384): .ecdsaSHA384
    case .ecdsa(.p521): .ecdsaSHA512
    case .rsa: .rsaPKCS1SHA256
    }
  }
}
