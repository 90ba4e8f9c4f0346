import EdgeCrypto
import Policy
import SSHProtocol

/// What the demo keeps between runs under its state directory: keys, a local certificate authority, secrets, the
/// configuration file (yours to edit while it runs), and the sign-ins.
struct DemoState: Sendable {
  struct Failure: Error, CustomStringConvertible {
    var description: String
  }

  /// What marks keys and certificates of a demo, so that `run` can refuse them (security rule 35).
  static let mark = "tunnel-edge demo"

  let directory: String

  init(directory: String) {
    self.directory = FileAccess.absolute(directory)
  }

  var keys: KeyDirectory { KeyDirectory(path: "\(directory)/keys") }
  var publisherKey: String { "\(directory)/id_demo" }
  var knownHosts: String { "\(directory)/known_hosts" }
  var authorityCertificate: String { "\(directory)/ca.pem" }
  var authorityKey: String { "\(directory)/ca-key.pem" }
  var certificate: String { "\(directory)/tls.pem" }
  var certificateKey: String { "\(directory)/tls-key.pem" }
  var configuration: String { "\(directory)/config.yaml" }
  var databroker: String { "\(directory)/databroker" }
  var provider: String { "\(directory)/provider" }

  /// Makes what is missing. The certificate is made anew each time: it is short-lived, the authority is not.
  func prepare(names: [String], sshPorts: [Int]) throws(Failure) {
    do {
      try FileAccess.makeDirectory(directory, mode: 0o700)
      _ = try keys.fill(comment: Self.mark)
      _ = try keys.makeKey(at: publisherKey, .ed25519, comment: "\(Self.mark) publisher")
      try writeKnownHosts(ports: sshPorts)
      let authority = try certificateAuthority()
      let issued = try authority.issue(names: names, days: 90, now: SystemClock.now().seconds)
      try FileAccess.replace(certificateKey, issued.privateKeyPEM, mode: 0o600)
      try FileAccess.replace(certificate, issued.certificateChainPEM, mode: 0o644)
    } catch let failure as Failure {
      throw failure
    } catch {
      throw Failure(description: "\(error)")
    }
  }

  /// The authority of earlier runs, so that a browser that trusts it goes on doing so.
  private func certificateAuthority() throws -> CertificateAuthority {
    if FileAccess.exists(authorityCertificate), FileAccess.exists(authorityKey) {
      return try CertificateAuthority(
        certificatePEM: FileAccess.readText(authorityCertificate), privateKeyPEM: FileAccess.readText(authorityKey))
    }
    let authority = try CertificateAuthority.make(
      commonName: "\(Self.mark) CA", days: 3650, now: SystemClock.now().seconds)
    FileAccess.unlinkIfPresent(authorityKey)
    try FileAccess.create(authorityKey, authority.privateKeyPEM, mode: 0o600)
    try FileAccess.replace(authorityCertificate, authority.certificatePEM, mode: 0o644)
    return authority
  }

  /// The host keys as the ssh client wants them, so that the printed command asks nothing.
  private func writeKnownHosts(ports: [Int]) throws {
    var lines = ""
    for port in ports {
      for path in keys.hostKeys {
        let key = SSHPublicKey(try PrivateKey(text: FileAccess.readText(path)).publicKey)
        let hosts = port == 22 ? "localhost,127.0.0.1" : "[localhost]:\(port),[127.0.0.1]:\(port)"
        lines += "\(hosts) \(key.authorizedKeysLine(comment: Self.mark))\n"
      }
    }
    try FileAccess.replace(knownHosts, lines, mode: 0o644)
  }

  /// Secrets of earlier runs, or fresh ones: sign-ins outlive a restart.
  func secret(_ name: String) throws(Failure) -> String {
    let path = "\(directory)/\(name)"
    do {
      if FileAccess.exists(path) {
        return String(try FileAccess.readText(path).prefix { !$0.isNewline })
      }
      let secret = Base64.encode(SecureRandom.bytes(32))
      try FileAccess.create(path, secret + "\n", mode: 0o600)
      return secret
    } catch {
      throw Failure(description: error.description)
    }
  }
}
