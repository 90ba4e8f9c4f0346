import ArgumentParser
import EdgeConfig
import Foundation

struct DemoCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "Shows everything on this machine, with nothing to configure.",
    discussion: """
      Makes keys, a local CA and a certificate, starts an identity provider with the users of dex/config.yaml, a sample service and \
      the edge, and prints the ssh line to paste, the URL to open and the users. All of it listens on loopback only.
      """)

  @Option(help: ArgumentHelp("Where the demo keeps its keys, configuration and sign-ins.", valueName: "directory"))
  var state = ".tunnel-edge"

  @Option(help: ArgumentHelp("Clients and users of the identity provider, in Dex's format.", valueName: "file"))
  var dexConfig = "dex/config.yaml"

  @Option(help: "The first port to try for HTTPS.")
  var httpsPort = 8443

  @Option(help: "The first port to try for ssh.")
  var sshPort = 2222

  @Option(help: "The first port to try for the identity provider.")
  var providerPort = 5556

  @Option(help: "The first port to try for the sample service.")
  var servicePort = 3000

  @Flag(help: "Walk the whole way by itself (ssh, sign in, authorize, fetch) and exit 0 when it works.")
  var check = false

  func validate() throws {
    let ports = [
      ("https-port", httpsPort), ("ssh-port", sshPort), ("provider-port", providerPort), ("service-port", servicePort),
    ]
    for (name, port) in ports where !(1...65535).contains(port) {
      throw ValidationError("--\(name) \(port): no port; a number from 1 to 65535")
    }
  }

  func run() async throws {
    do {
      try await Demo(
        state: DemoState(directory: state), dexConfiguration: dexConfig,
        ports: DemoPorts(https: httpsPort, ssh: sshPort, provider: providerPort, service: servicePort), isCheck: check,
        environment: ProcessInfo.processInfo.environment
      ).run()
    } catch let error as EdgeProcess.Refused {
      for line in error.lines { StandardError.write(line) }
      throw EdgeExitCode.configuration
    } catch let error as Edge.Failure {
      StandardError.write("tunnel-edge demo: \(error)")
      throw error.exitCode
    } catch let error as ExitCode {
      throw error
    } catch {
      StandardError.write("tunnel-edge demo: \(error)")
      throw EdgeExitCode.unavailable
    }
  }
}
