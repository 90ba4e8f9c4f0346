import Logging
import Policy

/// Records in a SQLite file in a directory of their own (`databroker_storage_type: file`).
///
/// Runs on its own queue, so that waiting for the disk never holds a thread of the shared pool. A write is on the disk
/// when the call returns. One process at a time uses a directory.
package actor FileStore: RecordStore {
  private static let fileName = "records.sqlite"
  /// "TnEd": tells our files from other SQLite files.
  private static let applicationID: Int64 = 0x546e_4564
  private static let schemaVersion: Int64 = 1

  private let executor = QueueExecutor(label: "store")
  private let clock: UnixClock
  private let logger: Logger
  private let connection: SQLiteConnection
  private let broadcast = ChangeBroadcast()
  private var isClosed = false

  package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

  /// Opens the store in a directory, which is made with mode 0700 if it is not there; its files have mode 0600.
  package init(directory: String, clock: @escaping UnixClock, logger: Logger) async throws(StoreError) {
    let file = try StateDirectory(directory).privateFile(Self.fileName)
    let connection = try SQLiteConnection(path: file)
    try Self.prepare(connection, file: file)
    self.clock = clock
    self.logger = logger
    self.connection = connection
    logger.info("store opened", metadata: ["file": "\(file)"])
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
    if version != nil { broadcast.send(RecordChange(kind: kind, id: id, action: .written)) }
    return version
  }

  package func delete(_ kind: RecordKind, _ id: String) async throws(StoreError) {
    try checkOpen()
    let removed = try connection.query(
      "DELETE FROM records WHERE kind = ? AND id = ? RETURNING version", [.text(kind.rawValue), .text(id)])
    if !removed.isEmpty { broadcast.send(RecordChange(kind: kind, id: id, action: .deleted)) }
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
    return try connection.query(
      "DELETE FROM records WHERE expires <= ? RETURNING version", [.integer(clock().milliseconds)]
    ).count
  }

  package func changes() async -> AsyncStream<RecordChange> { broadcast.subscribe() }

  package func close() async {
    isClosed = true
    connection.close()
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
    // Exclusive before WAL: then no shared memory file is made and a second process is refused.
    try connection.execute("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
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
