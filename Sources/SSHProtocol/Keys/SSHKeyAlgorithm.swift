/// A public key algorithm by its SSH name: how it signs, and whether the key comes alone or inside a certificate
/// (PROTOCOL.certkeys).
package struct SSHKeyAlgorithm: RawRepresentable, Sendable, Hashable {
  package let signature: SSHSignatureAlgorithm
  package let isCertificate: Bool

  package static func plain(_ signature: SSHSignatureAlgorithm) -> SSHKeyAlgorithm {
    SSHKeyAlgorithm(signature: signature, isCertificate: false)
  }

  package static func certified(_ signature: SSHSignatureAlgorithm) -> SSHKeyAlgorithm {
    SSHKeyAlgorithm(signature: signature, isCertificate: true)
  }

  private init(signature: SSHSignatureAlgorithm, isCertificate: Bool) {
    self.signature = signature
    self.isCertificate = isCertificate
  }

  package init?(rawValue: String) {
    guard let known = SSHKeyAlgorithm.byName[rawValue] else { return nil }
    self = known
  }

  package var rawValue: String { isCertificate ? Self.certificateName(signature.name) : signature.name }
  package var name: String { rawValue }

  /// The type name inside the blob, which for RSA is another than the algorithm's.
  package var keyTypeName: String {
    isCertificate ? Self.certificateName(signature.keyTypeName) : signature.keyTypeName
  }

  /// `ssh-rsa` ▸ `ssh-rsa-cert-v01@openssh.com`, `sk-…@openssh.com` ▸ `sk-…-cert-v01@openssh.com`.
  static func certificateName(_ plain: String) -> String {
    String(plain.prefix { $0 != "@" }) + certificateSuffix
  }

  static let certificateSuffix = "-cert-v01@openssh.com"

  /// Until 7.7 OpenSSH announced an RSA certificate by this name and signed with SHA-2 all the same (ssh.md 1.1, SIGTYPE).
  static let oldRSACertificateName = "ssh-rsa-cert-v01@openssh.com"

  private static let byName: [String: SSHKeyAlgorithm] = {
    let plain = SSHSignatureAlgorithm.allCases.map { SSHKeyAlgorithm.plain($0) }
    // No client puts a browser's signature beside a certificate.
    let certified = SSHSignatureAlgorithm.allCases.filter { $0 != .webAuthnECDSA }.map { SSHKeyAlgorithm.certified($0) }
    return Dictionary((plain + certified).map { ($0.name, $0) }) { first, _ in first }
  }()
}
