import ArgumentParser
import EdgeCrypto

struct KeygenCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keygen",
    abstract: "Makes the SSH host keys and the user CA key of an edge.",
    discussion: """
      Writes user_ca_key, ssh_host_ed25519_key, ssh_host_ecdsa_key and ssh_host_rsa_key with their .pub files, in OpenSSH's \
      format and readable by the owner only. Keys that exist already are kept: nothing is ever overwritten.
      """)

  @Option(help: ArgumentHelp("Where the keys go; made when missing.", valueName: "directory"))
  var dir = "keys"

  func validate() throws {
    guard !dir.isEmpty else { throw ValidationError("--dir is empty; name the directory for the keys") }
  }

  func run() throws {
    let keys = KeyDirectory(path: dir)
    do {
      let made = try keys.fill(comment: "tunnel-edge")
      for file in made {
        print(file.isNew ? "made  \(file.path)  \(file.fingerprint)" : "kept  \(file.path)  \(file.fingerprint)")
      }
    } catch {
      StandardError.write("tunnel-edge keygen: \(error)")
      throw EdgeExitCode.inputOutput
    }
    print(
      """

      In the configuration file:

      ssh_address: :2222
      ssh_user_ca_key_file: \(keys.userCA)
      ssh_host_key_files:
      \(keys.hostKeys.map { "  - \($0)" }.joined(separator: "\n"))
      """)
  }
}
