import Glibc
import Logging
import Policy

/// Records in a SQLite file in a directory of their own (`databroker_storage_type: file`).
///
/// Runs on its own queue, so that waiting for the disk never holds a thread of the shared pool. A write is on the disk
/// when the call returns. One edge at a time uses a directory; what other programs change in the file is noticed by `poll`.
package actor FileStore: RecordStore {
  private struct Key: Hashable {
    var kind: String
    var id: String
  }

  private static let fileName = "records.sqlite"
  private static let lockName = "edge.lock"
  /// "TnEd": tells our files from other SQLite files.
  private static let applicationID: Int64 = 0x546e_4564
  private static let schemaVersion: Int64 = 1
  private static let mostDeletedTogether = 256
  /// In bytes: what the file of the last writes is cut to once they are in the other.
  private static let longestJournal = 4 << 20

  private let executor = QueueExecutor(label: "store")
  private let clock: UnixClock
  private let logger: Logger
  private let directory: StateDirectory
  private var lock: StoreLock?
  private let broadcast = ChangeBroadcast()
  private var connection: SQLiteConnection
  private var file: FileMark
  /// Moves when another connection commits; SQLite's own number.
  private var dataVersion: Int64
  /// What is stored, to tell what others have changed.
  private var known: [Key: UInt64]
  private var isClosed = false

  package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

  /// Opens the store in a directory, which is made with mode 0700 if it is not there; its files have mode 0600.
  package init(directory: String, clock: @escaping UnixClock, logger: Logger) async throws(StoreError) {
    let place = try StateDirectory(directory)
    lock = try StoreLock(place.privateFile(Self.lockName), directory: directory)
    self.directory = place
    self.clock = clock
    self.logger = logger
    (connection, file) = try Self.open(in: place)
    known = try Self.versions(connection)
    dataVersion = try Self.integer("PRAGMA data_version", connection)
    logger.info("store opened", metadata: ["file": "\(file.path)"])
  }

  private static func open(in directory: StateDirectory) throws(StoreError) -> (SQLiteConnection, FileMark) {
    let path = try directory.privateFile(fileName)
    let connection = try SQLiteConnection(path: path)
    try prepare(connection, file: path)
    return (connection, try FileMark(path))
  }

  package func record(_ kind: RecordKind, _ id: String) async throws(StoreError) -> StoredRecord? {
    try current(kind, id)
  }

  @discardableResult
  package func put(
    _ kind: RecordKind, _ id: String, _ value: [UInt8], expiresAt: UnixTime?, if condition: PutCondition
  ) async throws(StoreError) -> UInt64? {
    try checkOpen()
    let version: UInt64? = try connection.transaction { () throws(StoreError) -> UInt64? in
      // What another has deleted must not come back unnoticed because it is written again before the next poll.
      try noticeOthers()
      if condition != .always {
        guard condition.holds(for: try current(kind, id)) else { return nil }
      }
      let rows = try connection.query("UPDATE counter SET version = version + 1 RETURNING version")
      guard case .integer(let version)? = rows.first?.first else {
        throw StoreError(.corrupt, "the store has lost its version counter; move it away and start again")
      }
      _ = try connection.query(
        """
        INSERT INTO records (kind, id, value, expires, version) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (kind, id) DO UPDATE SET value = excluded.value, expires = excluded.expires,
        version = excluded.version
        """,
        [
          .text(kind.rawValue), .text(id), .blob(value), expiresAt.map { .integer($0.milliseconds) } ?? .null,
          .integer(version),
        ])
      return UInt64(clamping: version)
    }
    if let version {
      known[Key(kind: kind.rawValue, id: id)] = version
      broadcast.send(RecordChange(kind: kind, id: id, action: .written))
    }
    return version
  }

  package func delete(_ kind: RecordKind, _ id: String) async throws(StoreError) {
    try checkOpen()
    forget(kind, id, wasThere: try remove(kind, id))
  }

  /// One wait for the disk serves many; whoever else wants something comes in between.
  package func delete(_ kind: RecordKind, _ ids: [String]) async throws(StoreError) {
    for start in stride(from: 0, to: ids.count, by: Self.mostDeletedTogether) {
      try checkOpen()
      let part = ids[start..<min(start + Self.mostDeletedTogether, ids.count)]
      let removed = try connection.transaction { () throws(StoreError) -> [Bool] in
        var removed: [Bool] = []
        for id in part { removed.append(try remove(kind, id)) }
        return removed
      }
      for (id, wasThere) in zip(part, removed) { forget(kind, id, wasThere: wasThere) }
      await Task.yield()
    }
  }

  private func remove(_ kind: RecordKind, _ id: String) throws(StoreError) -> Bool {
    try !connection.query(
      "DELETE FROM records WHERE kind = ? AND id = ? RETURNING version", [.text(kind.rawValue), .text(id)]
    ).isEmpty
  }

  private func forget(_ kind: RecordKind, _ id: String, wasThere: Bool) {
    known[Key(kind: kind.rawValue, id: id)] = nil
    if wasThere { broadcast.send(RecordChange(kind: kind, id: id, action: .deleted)) }
  }

  package func records(_ kind: RecordKind) async throws(StoreError) -> [StoredRecord] {
    try checkOpen()
    let rows = try connection.query(
      "SELECT id, value, expires, version FROM records WHERE kind = ? ORDER BY id", [.text(kind.rawValue)])
    let now = clock()
    return rows.compactMap { Self.record(kind, $0) }.filter { $0.isLive(at: now) }
  }

  @discardableResult
  package func removeExpired() async throws(StoreError) -> Int {
    try checkOpen()
    let removed = try connection.query(
      "DELETE FROM records WHERE expires <= ? RETURNING kind, id", [.integer(clock().milliseconds)])
    for row in removed {
      if case .text(let kind) = row[0], case .text(let id) = row[1] { known[Key(kind: kind, id: id)] = nil }
    }
    return removed.count
  }

  /// The file that is open must be the one that is there, and what others have committed is compared with what is known. A
  /// file that was removed is made anew: nobody has ended the sessions in it, and whoever knows them writes them again.
  package func poll(writes: Bool) async throws(StoreError) {
    try checkOpen()
    switch try FileMark.look(at: file.path) {
    case .some(file): break
    case .some: try reopen()
    case .none:
      try reopen()
      logger.warning(
        "the store's file was removed; it is made anew, with what is in memory", metadata: ["file": "\(file.path)"])
      // Whoever still knows them writes them again.
      for key in known.keys { tell(key, .deleted, isForeign: false) }
      known = [:]
    }
    if writes { _ = try connection.query("UPDATE counter SET version = version + 1 RETURNING version") }
    try noticeOthers()
  }

  /// Compares what others have committed with what is known, if they have.
  private func noticeOthers() throws(StoreError) {
    let version = try Self.integer("PRAGMA data_version", connection)
    guard version != dataVersion else { return }
    try compare()
    dataVersion = version
  }

  /// Another file in the place of the one that was open.
  private func reopen() throws(StoreError) {
    // First, so that what it still has to write goes into its own file.
    connection.close()
    // And what was written beside it belongs to no other.
    for rest in ["-wal", "-shm"] { _ = unsafe unlink(file.path + rest) }
    (connection, file) = try Self.open(in: directory)
    // Of a connection that has just been opened the number says nothing yet.
    dataVersion = -1
  }

  private func compare() throws(StoreError) {
    let now = try Self.versions(connection)
    for (key, version) in now where known[key] != version { tell(key, .written, isForeign: true) }
    for key in known.keys where now[key] == nil { tell(key, .deleted, isForeign: true) }
    known = now
  }

  private func tell(_ key: Key, _ action: RecordChange.Action, isForeign: Bool) {
    broadcast.send(RecordChange(kind: RecordKind(key.kind), id: key.id, action: action, isForeign: isForeign))
  }

  private static func versions(_ connection: SQLiteConnection) throws(StoreError) -> [Key: UInt64] {
    var versions: [Key: UInt64] = [:]
    for row in try connection.query("SELECT kind, id, version FROM records") {
      guard row.count == 3, case .text(let kind) = row[0], case .text(let id) = row[1],
        case .integer(let version) = row[2]
      else { continue }
      versions[Key(kind: kind, id: id)] = UInt64(clamping: version)
    }
    return versions
  }

  package func changes() async -> AsyncStream<RecordChange> { broadcast.subscribe() }

  package func close() async {
    isClosed = true
    connection.close()
    lock = nil
    broadcast.close()
  }

  private func current(_ kind: RecordKind, _ id: String) throws(StoreError) -> StoredRecord? {
    try checkOpen()
    let rows = try connection.query(
      "SELECT id, value, expires, version FROM records WHERE kind = ? AND id = ?", [.text(kind.rawValue), .text(id)])
    guard let record = rows.first.flatMap({ Self.record(kind, $0) }), record.isLive(at: clock()) else { return nil }
    return record
  }

  private func checkOpen() throws(StoreError) {
    if isClosed { throw StoreError(.closed, "the store has been closed") }
  }

  private static func record(_ kind: RecordKind, _ row: [SQLiteConnection.Value]) -> StoredRecord? {
    guard row.count == 4, case .text(let id) = row[0], case .blob(let value) = row[1],
      case .integer(let version) = row[3]
    else { return nil }
    var expiresAt: UnixTime?
    if case .integer(let milliseconds) = row[2] { expiresAt = UnixTime(milliseconds: milliseconds) }
    return StoredRecord(kind: kind, id: id, value: value, expiresAt: expiresAt, version: UInt64(clamping: version))
  }

  private static func prepare(_ connection: SQLiteConnection, file: String) throws(StoreError) {
    try connection.execute(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = \(longestJournal)")
    let check = try connection.query("PRAGMA quick_check(1)")
    guard case .text("ok")? = check.first?.first else {
      throw StoreError.corruptFile(file, "its pages do not fit together")
    }
    try connection.transaction { () throws(StoreError) -> Void in
      let isEmpty = try connection.query("SELECT name FROM sqlite_master LIMIT 1").isEmpty
      let application = try integer("PRAGMA application_id", connection)
      guard isEmpty || application == applicationID else {
        throw StoreError.corruptFile(file, "it is another program's database")
      }
      let version = try integer("PRAGMA user_version", connection)
      guard version <= schemaVersion else {
        throw StoreError(
          .corrupt, "\(file) was written by a newer tunnel-edge; use that version, or move the file away")
      }
      guard isEmpty else { return }
      try connection.execute(
        """
        CREATE TABLE records (kind TEXT NOT NULL, id TEXT NOT NULL, value BLOB NOT NULL, expires INTEGER,
          version INTEGER NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID;
        CREATE INDEX records_expires ON records (expires) WHERE expires IS NOT NULL;
        CREATE TABLE counter (version INTEGER NOT NULL);
        INSERT INTO counter VALUES (0);
        PRAGMA application_id = \(applicationID);
        PRAGMA user_version = \(schemaVersion);
        """)
    }
  }

  private static func integer(_ pragma: String, _ connection: SQLiteConnection) throws(StoreError) -> Int64 {
    guard case .integer(let value)? = try connection.query(pragma).first?.first else { return 0 }
    return value
  }
}
