import ArgumentParser

/// What this build calls itself, on the command line and in the SSH banner.
package enum Version {
  package static let number = "0.1.0"
  package static let text = "tunnel-edge \(number)"
}

struct VersionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "version", abstract: "Prints the version.")

  func run() {
    print(Version.text)
  }
}
