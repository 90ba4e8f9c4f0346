internal import Dispatch
internal import Synchronization

/// The watched files changed and have come to rest.
package struct ConfigurationChange: Sendable {
  /// Which, sorted.
  package var paths: [String]
  /// Reads what was there when they had come to rest: load with this. Other files come from the disk.
  package var files: FileReader
}

/// Notices when the files of a configuration change, on a thread of its own.
///
/// Whatever inotify says, or `stat` once a second where inotify says nothing, only starts a comparison of contents. A change is told
/// when nobody is in the middle of writing and two reads 100 ms apart gave the same (security rule 33); each exactly once.
package final class ConfigurationWatcher: Sendable {
  private struct Shared {
    var isStopped = false
    var newFiles: [WatchedFile]?
  }

  private let shared = Mutex(Shared())
  private let notifications: FileNotifications?
  private let reader: FileReader
  private let initialFiles: [WatchedFile]
  private let onChange: @Sendable (ConfigurationChange) -> Void

  /// `files` are those of the load that is in use. `onChange` is called on the watcher's thread.
  package init(
    files: [WatchedFile], reader: FileReader = .system, onChange: @escaping @Sendable (ConfigurationChange) -> Void
  ) {
    initialFiles = files
    self.reader = reader
    self.onChange = onChange
    notifications = FileNotifications()
  }

  /// From the return on nothing is missed.
  package func start() {
    let loop = WatchLoop(files: initialFiles, reader: reader, notifications: notifications)
    // A queue of its own whose one block runs until `stop`: a thread that may block.
    DispatchQueue(label: "configuration-watcher").async { [self] in run(loop) }
  }

  /// What to look after from now on: the files of the latest load, whether it succeeded or not.
  package func watch(_ files: [WatchedFile]) {
    shared.withLock { $0.newFiles = files }
    notifications?.wake()
  }

  package func stop() {
    shared.withLock { $0.isStopped = true }
    notifications?.wake()
  }

  private func run(_ loop: WatchLoop) {
    var loop = loop
    while true {
      let (isStopped, newFiles) = shared.withLock { shared in
        defer { shared.newFiles = nil }
        return (shared.isStopped, shared.newFiles)
      }
      if isStopped { return }
      if let newFiles { loop.adopt(newFiles) }
      if let change = loop.step() { onChange(change) }
    }
  }
}
