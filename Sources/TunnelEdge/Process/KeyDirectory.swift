import EdgeCrypto
import SSHProtocol

/// The folder that `keygen` fills: one user CA key and a host key of each kind.
package struct KeyDirectory: Sendable {
  package struct Failure: Error, CustomStringConvertible {
    package var description: String
  }

  package struct KeyFile: Sendable {
    package var path: String
    package var fingerprint: String
    package var isNew: Bool
  }

  package var path: String

  package init(path: String) {
    self.path = path.hasSuffix("/") && path != "/" ? String(path.dropLast()) : path
  }

  package var userCA: String { "\(path)/user_ca_key" }
  package var hostKeys: [String] { ["ed25519", "ecdsa", "rsa"].map { "\(path)/ssh_host_\($0)_key" } }

  /// Makes what is missing; existing keys are read and left as they are.
  package func fill(comment: String) throws(Failure) -> [KeyFile] {
    do {
      try FileAccess.makeDirectory(path, mode: 0o700)
    } catch {
      throw Failure(description: error.description)
    }
    let kinds: [(String, PrivateKey.Kind)] = [
      (userCA, .ed25519), (hostKeys[0], .ed25519), (hostKeys[1], .ecdsa(.p256)), (hostKeys[2], .rsa(bits: 3072)),
    ]
    var files: [KeyFile] = []
    for (file, kind) in kinds { files.append(try makeKey(at: file, kind, comment: comment)) }
    return files
  }

  /// Makes one key pair, unless the file is there.
  package func makeKey(at file: String, _ kind: PrivateKey.Kind, comment: String) throws(Failure) -> KeyFile {
    do {
      if FileAccess.exists(file) {
        let key = try PrivateKey(text: FileAccess.readText(file))
        return KeyFile(path: file, fingerprint: SSHPublicKey(key.publicKey).fingerprint, isNew: false)
      }
      let key = try PrivateKey.generate(kind)
      let publicKey = SSHPublicKey(key.publicKey)
      try FileAccess.create(file, key.openSSHPEM(comment: comment), mode: 0o600)
      FileAccess.unlinkIfPresent("\(file).pub")
      try FileAccess.create("\(file).pub", "\(publicKey.authorizedKeysLine(comment: comment))\n", mode: 0o644)
      return KeyFile(path: file, fingerprint: publicKey.fingerprint, isNew: true)
    } catch let failure as FileAccess.Failure {
      throw Failure(description: failure.description)
    } catch {
      throw Failure(description: "\(file): \(error)")
    }
  }
}
