import EdgeConfig
import EdgeCrypto
import PlainText
import Policy
import SSHProtocol

/// The certificates of `ssh_host_certificate_files`, each checked against the host keys.
struct HostCertificates: Sendable {
  private(set) var certificates: [SSHCertificate] = []
  private var names: [String] = []

  init(_ written: [CertificateText], hostKeys: [PrivateKey]) throws(EdgeSettingsError) {
    let keys = hostKeys.map { SSHPublicKey($0.publicKey) }
    for text in written {
      let certificate = try Self.read(text)
      guard keys.contains(certificate.key) else {
        throw EdgeSettingsError(
          description: "\(text.name): this certificate is for \(certificate.key.algorithmName) "
            + "\(certificate.key.fingerprint), which is none of the host keys; certify a key of `ssh_host_key_files`")
      }
      if let other = certificates.firstIndex(where: { $0.key == certificate.key }) {
        throw EdgeSettingsError(
          description: "\(text.name): a second certificate for the key of \(names[other]); keep one of each key")
      }
      certificates.append(certificate)
      names.append(text.name)
    }
  }

  private static func read(_ text: CertificateText) throws(EdgeSettingsError) -> SSHCertificate {
    let certificate: SSHCertificate
    do {
      certificate = try SSHCertificate(line: text.line)
    } catch {
      throw EdgeSettingsError(
        description: "\(text.name): this is no OpenSSH certificate (\(error.diagnostic)); "
          + "ssh-keygen -s writes them into files named -cert.pub")
    }
    guard certificate.kind == .host else {
      throw EdgeSettingsError(
        description: "\(text.name): this is a user certificate; sign the host key with ssh-keygen -h")
    }
    guard certificate.hasValidSignature else {
      throw EdgeSettingsError(
        description: "\(text.name): the authority's signature is wrong, or made with SHA-1; sign the host key again")
    }
    if let option = certificate.criticalOptions.names.first {
      throw EdgeSettingsError(
        description: "\(text.name): host certificates have no critical options, and clients refuse this one "
          + "(\(option.printable(limit: 64))); sign the host key again without -O")
    }
    return certificate
  }

  /// Certificates that clients will not believe now: told at load and by `check`. The plain keys still serve.
  func warnings(at now: UnixTime) -> [String] {
    let second = UInt64(clamping: now.milliseconds / 1000)
    return zip(names, certificates).compactMap { name, certificate in
      if certificate.principals.isEmpty {
        return "\(name): this certificate names no hosts, and no client believes it; sign the host key with -n"
      }
      if second >= certificate.validBefore {
        return "\(name): this certificate has expired; sign the host key again"
      }
      if second < certificate.validAfter { return "\(name): this certificate is not valid yet" }
      return nil
    }
  }
}
