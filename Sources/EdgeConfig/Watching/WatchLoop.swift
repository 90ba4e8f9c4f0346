internal import Glibc

/// The watcher's state, on its thread.
///
/// ```
///            differs                    same twice, nobody writes
///  resting ──────────▶ settling ────────────────────────────────▶ told, resting
///            ◀──────────        (other content: wait again)
///            as before
/// ```
struct WatchLoop: Sendable {
  private enum Limits {
    /// Between the two reads that must agree (security rule 33).
    static let rest: Duration = .milliseconds(100)
    /// How long a file may be missing or empty before that counts as its new state.
    static let vacancy: Duration = .seconds(1)
    /// How long a writer that never closes is waited for.
    static let writer: Duration = .seconds(10)
    /// Looking without being told.
    static let poll: Duration = .seconds(1)
    /// After news that were none.
    static let idle: Duration = .milliseconds(20)
  }

  /// A content other than the known one, seen at `readAt`.
  private struct Settling: Sendable {
    var snapshot: FileSnapshot
    var readAt: ContinuousClock.Instant
    var since: ContinuousClock.Instant
  }

  private let reader: FileReader
  private let notifications: FileNotifications?
  /// What the listener knows.
  private var known: [String: FileFingerprint] = [:]
  private var signatures: [String: FileSignature] = [:]
  private var fileWatches: [Int32: String] = [:]
  private var directoryWatches: Set<Int32> = []
  /// Watches of files that are being written, and since when.
  private var writers: [Int32: ContinuousClock.Instant] = [:]
  private var settling: Settling?
  /// The files were adopted or may have been replaced: read them whatever `stat` says.
  private var mustRead = true

  init(files: [WatchedFile], reader: FileReader, notifications: FileNotifications?) {
    self.reader = reader
    self.notifications = notifications
    adopt(files)
  }

  /// Files known already keep what was told of them last; new ones begin with what the load saw.
  mutating func adopt(_ files: [WatchedFile]) {
    var adopted: [String: FileFingerprint] = [:]
    for file in files { adopted[file.path] = known[file.path] ?? file.fingerprint }
    known = adopted
    settling = nil
    arm()
    mustRead = true
  }

  /// Waits for news, and says what changed when something has.
  mutating func step() -> ConfigurationChange? {
    let events = wait()
    for watch in events.written where fileWatches[watch] != nil { writers[watch] = .now }
    for watch in events.completed { writers[watch] = nil }
    let isAboutFile = events.touched.contains { fileWatches[$0] != nil }
    if settling != nil { return settle() }
    let newSignatures = signaturesNow()
    guard mustRead || isAboutFile || newSignatures != signatures else {
      // Somebody else's files: do not run after every one of them.
      if events.isAny { sleep(Limits.idle) }
      return nil
    }
    mustRead = false
    signatures = newSignatures
    arm()
    let snapshot = FileSnapshot(reading: known.keys, with: reader)
    if snapshot.fingerprints != known { settling = Settling(snapshot: snapshot, readAt: .now, since: .now) }
    return nil
  }

  private func wait() -> FileNotifications.Events {
    if let settling {
      // News do not shorten the rest; they are collected at its end.
      sleep(Limits.rest - (.now - settling.readAt))
      return notifications?.wait(milliseconds: 0) ?? FileNotifications.Events()
    }
    let timeout = mustRead ? .zero : Limits.poll
    if let notifications { return notifications.wait(milliseconds: Int32(timeout / .milliseconds(1))) }
    sleep(timeout)
    return FileNotifications.Events()
  }

  /// Reads again after a while; the same as before, complete and not vacant is the new state.
  private mutating func settle() -> ConfigurationChange? {
    guard let current = settling, .now - current.readAt >= Limits.rest else { return nil }
    arm()
    let snapshot = FileSnapshot(reading: known.keys, with: reader)
    if snapshot.fingerprints == known {
      settling = nil
      signatures = signaturesNow()
      return nil
    }
    let isSame = snapshot.fingerprints == current.snapshot.fingerprints
    let since = isSame ? current.since : .now
    let isBeingWritten = writers.contains { fileWatches[$0.key] != nil && .now - $0.value < Limits.writer }
    let isVacant = snapshot.fingerprints.contains { $1.isVacant && known[$0]?.isVacant == false }
    guard isSame, !isBeingWritten, !isVacant || .now - since >= Limits.vacancy else {
      settling = Settling(snapshot: snapshot, readAt: .now, since: since)
      return nil
    }
    let changed = snapshot.fingerprints.filter { known[$0.key] != $0.value }.keys.sorted()
    known = snapshot.fingerprints
    settling = nil
    mustRead = true
    let contents = snapshot.contents
    let reader = reader
    return ConfigurationChange(paths: changed, files: FileReader { path in contents[path] ?? reader.read(path) })
  }

  private func signaturesNow() -> [String: FileSignature] {
    Dictionary(uniqueKeysWithValues: known.keys.map { ($0, FileSignature(of: $0)) })
  }

  /// Watches the inodes and directories that the paths lead to now, and no others.
  private mutating func arm() {
    guard let notifications else { return }
    var files: [Int32: String] = [:]
    var around: Set<String> = []
    for path in known.keys {
      if let watch = notifications.watch(file: path) { files[watch] = path }
      around.formUnion(directories(around: path))
    }
    let directories = Set(around.compactMap { notifications.watch(directory: $0) })
    let old = Set(fileWatches.keys).union(directoryWatches)
    for watch in old.subtracting(files.keys).subtracting(directories) { notifications.forget(watch) }
    fileWatches = files
    directoryWatches = directories
    writers = writers.filter { files[$0.key] != nil }
  }
}

/// Holds the watcher's thread for a while, at most a second.
private func sleep(_ time: Duration) {
  let microseconds = time / .microseconds(1)
  if microseconds >= 1 { usleep(UInt32(min(microseconds, 999_999))) }
}
