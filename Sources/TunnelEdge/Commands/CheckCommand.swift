import ArgumentParser
import EdgeConfig
import Foundation

struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Validates a configuration file and says what is wrong, where, and what to do.",
    discussion:
      "Prints every error and warning as path:line:column. Exit code 0 when there are no errors, 78 otherwise.")

  @Option(name: [.customShort("c"), .long], help: ArgumentHelp("The configuration file.", valueName: "file"))
  var config: String?

  func run() throws {
    let environment = ProcessInfo.processInfo.environment
    let path: String
    do {
      path = try ConfigurationPath.find(option: config, environment: environment)
    } catch {
      StandardError.write("tunnel-edge check: \(error)")
      throw EdgeExitCode.configuration
    }
    let load = EdgeConfiguration.load(path: path, environment: environment)
    for diagnostic in load.diagnostics { StandardError.write("\(diagnostic)") }
    guard let configuration = load.configuration else {
      let errors = load.diagnostics.count { $0.severity == .error }
      StandardError.write("\(path): \(errors) \(errors == 1 ? "error" : "errors")")
      throw EdgeExitCode.configuration
    }
    do throws(EdgeSettingsError) {
      let settings = try EdgeSettings.trial(configuration)
      for warning in settings.warnings(at: SystemClock.now()) { StandardError.write("\(path): warning: \(warning)") }
    } catch {
      StandardError.write("\(path): error: \(error)")
      throw EdgeExitCode.configuration
    }
    print("\(path): fine, \(configuration.routes.count) \(configuration.routes.count == 1 ? "route" : "routes")")
  }
}
