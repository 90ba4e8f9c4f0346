import ArgumentParser
import EdgeConfig

/// Prints the reference that `docs/configuration.md` holds, from the table that validates the file.
struct ConfigurationReferenceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "configuration-reference",
    abstract: "Prints every configuration key with its meaning, default and environment name, as Markdown.")

  func run() {
    print(ConfigurationKey.markdown)
  }
}
