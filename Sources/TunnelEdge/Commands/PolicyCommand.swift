import ArgumentParser

struct PolicyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "policy", abstract: "Asks the policies of a configuration file.",
    subcommands: [PolicyExplainCommand.self])
}
