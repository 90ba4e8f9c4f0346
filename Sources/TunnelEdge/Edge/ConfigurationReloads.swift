import EdgeConfig
import Logging

/// Brings a changed configuration file to a running edge, one change after the other. A file that cannot be taken changes
/// nothing and is reported.
actor ConfigurationReloads {
  private let process: EdgeProcess
  private let edge: Edge
  private let logs: EdgeLogs
  private let logger: Logger
  private let notifier: ServiceNotifier
  private var watcher: ConfigurationWatcher?

  init(process: EdgeProcess, edge: Edge, logs: EdgeLogs, notifier: ServiceNotifier) {
    self.process = process
    self.edge = edge
    self.logs = logs
    self.notifier = notifier
    logger = logs.logger("configuration")
  }

  /// Watches the file and what it names, until the task is cancelled.
  func watch() async {
    let load = EdgeConfiguration.load(path: process.path, environment: process.environment)
    let (changes, continuation) = AsyncStream.makeStream(of: ConfigurationChange.self)
    let watcher = ConfigurationWatcher(files: load.files) { continuation.yield($0) }
    self.watcher = watcher
    watcher.start()
    // What was saved between the start and now is not a change to the watcher.
    if let configuration = load.configuration, configuration != edge.configuration { await take(load, isAsked: false) }
    for await change in changes {
      await take(
        EdgeConfiguration.load(path: process.path, environment: process.environment, files: change.files),
        isAsked: false)
    }
    watcher.stop()
  }

  /// HUP: applies the file as it is now, also where a watched change would be refused.
  func reloadNow() async {
    notifier.reloading()
    await take(EdgeConfiguration.load(path: process.path, environment: process.environment), isAsked: true)
    notifier.ready()
  }

  private func take(_ load: ConfigurationLoad, isAsked: Bool) async {
    watcher?.watch(load.files)
    for diagnostic in load.diagnostics where diagnostic.severity == .warning {
      logger.warning("configuration warning", metadata: ["at": "\(diagnostic)"])
    }
    guard let configuration = load.configuration else {
      let errors = load.diagnostics.filter { $0.severity == .error }
      refuse(errors.map(\.description))
      return
    }
    if !isAsked, let refusal = configuration.refusal(toReplace: edge.configuration) {
      refuse([refusal.description])
      return
    }
    if !process.permitsDemoKeys, let key = SampleSecrets.demoKey(in: configuration) {
      refuse(["\(process.path): error: \(key) was made by `tunnel-edge demo`"])
      return
    }
    do {
      try await edge.apply(configuration)
    } catch {
      refuse([error.description])
    }
  }

  private func refuse(_ problems: [String]) {
    logs.audit.record(.configurationRefused(path: process.path, errors: problems.count))
    for problem in problems {
      logger.error("configuration not applied; the earlier one stays in force", metadata: ["at": "\(problem)"])
    }
  }
}
