import EdgeConfig
import Glibc
import Logging
import NIOCore
import NIOPosix

/// The life of `tunnel-edge run`: load, start, follow signals and files, drain.
package struct EdgeProcess: Sendable {
  /// The configuration could not be taken; the lines say why.
  package struct Refused: Error {
    package var lines: [String]
  }

  var path: String
  var environment: [String: String]
  /// A demo may use the keys of a demo; nothing else may (security rule 35).
  var permitsDemoKeys = false
  /// Called once the doors are open.
  var whenReady: @Sendable (Edge) async -> Void = { _ in }

  init(path: String, environment: [String: String]) {
    self.path = FileAccess.absolute(path)
    self.environment = environment
  }

  /// Returns after a drain; throws `Refused`, `Edge.Failure` or `LineFile.Failure`.
  func run() async throws {
    AllocatorTuning.apply()
    let signals = ProcessSignals()
    let (configuration, warnings) = try load()
    let logs = try EdgeLogs(
      level: configuration.logs.level.logging, accessLogFile: configuration.logs.accessLogFile,
      auditLogFile: configuration.logs.auditLogFile, form: EdgeLogHandler.form())
    defer { logs.flush() }
    let logger = logs.logger("edge")
    for warning in warnings { logger.warning("configuration warning", metadata: ["at": "\(warning)"]) }
    for warning in SampleSecrets.warnings(configuration) where !permitsDemoKeys {
      logger.warning(
        "a sample secret is in use; replace it before anybody else can reach this edge",
        metadata: ["secret": "\(warning)"])
    }
    let inherited: InheritedSockets
    do {
      inherited = try InheritedSockets(environment: environment)
    } catch {
      throw Edge.Failure(kind: .unavailable, description: error.description)
    }
    let group = MultiThreadedEventLoopGroup(numberOfThreads: System.coreCount)
    let edge: Edge
    do {
      edge = try await Edge.start(configuration, logs: logs, group: group, inherited: inherited)
    } catch {
      try? await group.shutdownGracefully()
      throw error
    }
    let notifier = ServiceNotifier(environment: environment)
    let reloads = ConfigurationReloads(process: self, edge: edge, logs: logs, notifier: notifier)

    await withTaskGroup(of: Void.self) { tasks in
      tasks.addTask { await edge.keepHouse() }
      tasks.addTask { await edge.watchStore() }
      tasks.addTask { await edge.checkProvider() }
      if configuration.flags.configHotReload { tasks.addTask { await reloads.watch() } }
      if let watchdog = notifier.watchdogInterval {
        tasks.addTask {
          while !Task.isCancelled {
            // An edge with a loop that hangs serves nobody on it: that is for systemd to end.
            for loop in group.makeIterator() { try? await loop.submit {}.get() }
            notifier.watchdog()
            try? await Task.sleep(for: watchdog)
          }
        }
      }
      tasks.addTask { await whenReady(edge) }
      notifier.ready()
      logger.notice("edge is up", metadata: ["version": "\(Version.number)", "configuration": "\(path)"])
      var isDraining = false
      for await signal in signals.events {
        switch signal {
        case .reload: await reloads.reloadNow()
        case .reopenLogs:
          do {
            try logs.reopen()
          } catch {
            logger.error("log file not reopened", metadata: ["problem": "\(error)"])
          }
        case .stop:
          // Whoever asks twice does not want to wait.
          if isDraining {
            logs.flush()
            exit(EXIT_FAILURE)
          }
          isDraining = true
          notifier.stopping()
          tasks.addTask {
            await edge.drain()
            signals.finish()
          }
        }
      }
      tasks.cancelAll()
    }
    try? await group.shutdownGracefully()
  }

  /// The configuration and its warnings, or `Refused` with everything that is wrong.
  func load() throws(Refused) -> (EdgeConfiguration, [String]) {
    let load = EdgeConfiguration.load(path: path, environment: environment)
    guard let configuration = load.configuration else {
      throw Refused(lines: load.diagnostics.filter { $0.severity != .note }.map(\.description))
    }
    if !permitsDemoKeys, let key = SampleSecrets.demoKey(in: configuration) {
      throw Refused(
        lines: ["\(path): error: \(key) was made by `tunnel-edge demo`; make your own with `tunnel-edge keygen`"])
    }
    return (configuration, load.diagnostics.filter { $0.severity == .warning }.map(\.description))
  }
}
