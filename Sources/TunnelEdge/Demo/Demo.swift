import ArgumentParser
import EdgeConfig
import EmbeddedProvider
import Logging
import NIOCore
import NIOPosix
import Synchronization

/// Everything on one machine: an identity provider, a sample service, and an ordinary edge with an ordinary
/// configuration file between them.
struct Demo: Sendable {
  struct Failure: Error, CustomStringConvertible {
    var description: String
  }

  var state: DemoState
  var dexConfiguration: String
  var ports: DemoPorts
  var isCheck: Bool
  var environment: [String: String]

  func run() async throws {
    guard FileAccess.exists(dexConfiguration) else {
      throw Failure(
        description:
          "\(dexConfiguration) is not there; run this from the project's folder, or name the file with --dex-config")
    }
    let users = DemoUser.all(in: try FileAccess.readText(dexConfiguration))
    guard let publisher = users.first else {
      throw Failure(description: "\(dexConfiguration) tells no user's password in a `# Password:` comment")
    }
    let ports = try choosePorts()
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let logs = try EdgeLogs(level: .warning, form: EdgeLogHandler.form())
    defer { logs.flush() }
    let demo = DemoConfiguration(
      httpsPort: ports.https, sshPort: ports.ssh, issuer: "http://localhost:\(ports.provider)/dex",
      publisher: publisher.email, visitors: users.prefix(2).map(\.email))

    try state.prepare(names: certifiedNames, sshPorts: [ports.ssh])
    try writeConfiguration(demo, ports)
    let provider = try EmbeddedProvider(
      configurationFile: dexConfiguration,
      overrides: .init(port: ports.provider, redirectURIs: ["\(demo.authenticateURL)/oauth2/callback"]),
      stateDirectory: state.provider, group: group, logger: logs.logger("provider"))
    try await provider.start()
    let service = try await SampleService.start(preferredPort: ports.service, group: group)

    let outcome = Mutex<(any Error)?>(nil)
    var process = EdgeProcess(path: state.configuration, environment: environment)
    process.permitsDemoKeys = true
    let card = DemoCard(state: state, configuration: demo, servicePort: service.port, users: users)
    let isCheck = isCheck
    process.whenReady = { _ in
      if isCheck {
        do {
          try await card.walk(as: publisher).run()
        } catch {
          outcome.withLock { $0 = error }
        }
        ProcessSignals.stopSelf()
      } else {
        print(card.text)
        StandardOutput.flush()
      }
    }
    do {
      try await process.run()
    } catch {
      await service.stop()
      await provider.stop()
      throw error
    }
    await service.stop()
    await provider.stop()
    try? await group.shutdownGracefully()
    if let error = outcome.withLock({ $0 }) {
      StandardError.write("check: FAILED: \(error)")
      throw ExitCode.failure
    }
    if isCheck { print("check: everything works") }
  }

  /// The demo's own names, and those of routes that somebody wrote into its file since.
  private var certifiedNames: [String] {
    let own = [DemoConfiguration.appHost, DemoConfiguration.authenticateHost, "localhost"]
    guard FileAccess.exists(state.configuration) else { return own }
    let written =
      EdgeConfiguration.load(path: state.configuration, environment: environment).configuration?.routes ?? []
    let added = written.filter { $0.from.scheme == .https }.map(\.from.host)
    return own + Set(added).subtracting(own).sorted()
  }

  /// The ports of the configuration that is there, or free ones for a new one.
  private func choosePorts() throws -> DemoPorts {
    let path = "\(state.directory)/ports"
    guard FileAccess.exists(state.configuration), let text = try? FileAccess.readText(path),
      let kept = DemoPorts(text: text, service: ports.service)
    else { return try ports.firstFree() }
    if let busy = kept.busy {
      throw Failure(
        description: """
          port \(busy) of the earlier demo is in use: is that demo still running? \
          Stop what listens there, or delete \(state.configuration) to begin anew with free ports
          """)
    }
    return kept
  }

  private func writeConfiguration(_ demo: DemoConfiguration, _ ports: DemoPorts) throws {
    guard !FileAccess.exists(state.configuration) else { return }
    let text = demo.yaml(
      state: state, sharedSecret: try state.secret("shared_secret"), cookieSecret: try state.secret("cookie_secret"))
    try FileAccess.replace("\(state.directory)/ports", ports.text, mode: 0o600)
    try FileAccess.create(state.configuration, text, mode: 0o600)
  }
}
