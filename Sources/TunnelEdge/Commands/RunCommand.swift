import ArgumentParser
import EdgeConfig
import Foundation

struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Starts the edge.",
    discussion: """
      Without --config the file is $TUNNEL_EDGE_CONFIG, then ./config.yaml, /etc/tunnel-edge/config.yaml or \
      /pomerium/config.yaml. Every key can be overridden by the environment: ssh_address by SSH_ADDRESS.

      The file and every file it names are watched: a change is in force within a second of the save, an invalid one changes \
      nothing. Signals: HUP reads it again, TERM and INT drain, USR1 opens the log files again.
      """)

  @Option(name: [.customShort("c"), .long], help: ArgumentHelp("The configuration file.", valueName: "file"))
  var config: String?

  func run() async throws {
    let environment = ProcessInfo.processInfo.environment
    do {
      let path = try ConfigurationPath.find(option: config, environment: environment)
      try await EdgeProcess(path: path, environment: environment).run()
    } catch let error as ConfigurationPath.NotFound {
      StandardError.write("tunnel-edge run: \(error)")
      throw EdgeExitCode.configuration
    } catch let error as EdgeProcess.Refused {
      for line in error.lines { StandardError.write(line) }
      throw EdgeExitCode.configuration
    } catch let error as Edge.Failure {
      StandardError.write("tunnel-edge run: \(error)")
      throw error.exitCode
    } catch let error as LineFile.Failure {
      StandardError.write("tunnel-edge run: \(error)")
      throw EdgeExitCode.inputOutput
    }
  }
}

extension Edge.Failure {
  var exitCode: ExitCode {
    switch kind {
    case .configuration: EdgeExitCode.configuration
    case .unavailable: EdgeExitCode.unavailable
    case .inputOutput: EdgeExitCode.inputOutput
    }
  }
}
