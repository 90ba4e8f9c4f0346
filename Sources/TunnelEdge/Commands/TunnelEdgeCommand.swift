import ArgumentParser

/// `tunnel-edge`: the root of the command line.
package struct TunnelEdgeCommand: AsyncParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "tunnel-edge",
    abstract: "Publishes what runs on your laptop at a real HTTPS address, with the ssh you already have.",
    discussion: """
      The edge is the SSH server that `ssh -R` connects to, and the HTTPS front door that visitors browse. It signs both in, \
      and asks two independent policies: who may open a tunnel, and who may visit it.

      First time here:     tunnel-edge demo
      On a server:         tunnel-edge keygen --dir keys/
                           tunnel-edge run --config config.yaml
      """,
    version: Version.text,
    subcommands: [
      RunCommand.self, DemoCommand.self, CheckCommand.self, HealthCommand.self, KeygenCommand.self,
      TokenCommand.self, PolicyCommand.self, LoginCommand.self, LogoutCommand.self, VersionCommand.self,
      ConfigurationReferenceCommand.self,
    ]
  )

  package init() {}

  /// Reads the command line and does what it says; the program's whole `main`.
  package static func start() async { await main() }
}
