import CSQLite

/// One SQLite database file. The only place that speaks to the library; confined to the actor that owns it.
@safe
final class SQLiteConnection {
  enum Value {
    case text(String)
    case integer(Int64)
    case blob([UInt8])
    case null
  }

  private let path: String
  private var handle: OpaquePointer?
  private var statements: [String: OpaquePointer] = unsafe [:]

  init(path: String) throws(StoreError) {
    self.path = path
    let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX
    let status = unsafe sqlite3_open_v2(path, &handle, flags, nil)
    guard status == SQLITE_OK else { throw failure(status) }
    // Short: whoever waits for the store waits for this, and what fails is tried again.
    unsafe sqlite3_busy_timeout(handle, 250)
  }

  deinit { close() }

  func close() {
    unsafe statements.values.forEach { statement in _ = unsafe sqlite3_finalize(statement) }
    unsafe statements = unsafe [:]
    unsafe sqlite3_close_v2(handle)
    unsafe handle = nil
  }

  /// Runs statements that give no rows.
  func execute(_ sql: String) throws(StoreError) {
    guard unsafe handle != nil else { throw isGone }
    let status = unsafe sqlite3_exec(handle, sql, nil, nil, nil)
    guard status == SQLITE_OK else { throw failure(status) }
  }

  /// Runs one statement, prepared once and kept, and returns its rows.
  func query(_ sql: String, _ values: [Value] = []) throws(StoreError) -> [[Value]] {
    let statement = unsafe try prepared(sql)
    defer {
      unsafe sqlite3_reset(statement)
      unsafe sqlite3_clear_bindings(statement)
    }
    for (index, value) in values.enumerated() { unsafe try bind(value, at: Int32(index + 1), of: statement) }
    var rows: [[Value]] = []
    while true {
      let status = unsafe sqlite3_step(statement)
      if status == SQLITE_DONE { return rows }
      guard status == SQLITE_ROW else { throw failure(status) }
      let columns = unsafe sqlite3_column_count(statement)
      rows.append((0..<columns).map { unsafe Self.column($0, of: statement) })
    }
  }

  /// All or nothing.
  func transaction<Result>(_ body: () throws(StoreError) -> Result) throws(StoreError) -> Result {
    try execute("BEGIN IMMEDIATE")
    do {
      let result = try body()
      try execute("COMMIT")
      return result
    } catch {
      try? execute("ROLLBACK")
      throw error
    }
  }

  private func prepared(_ sql: String) throws(StoreError) -> OpaquePointer {
    guard unsafe handle != nil else { throw isGone }
    if let known = unsafe statements[sql] { return unsafe known }
    var statement: OpaquePointer?
    let status = unsafe sqlite3_prepare_v2(handle, sql, -1, &statement, nil)
    guard status == SQLITE_OK, let statement = unsafe statement else { throw failure(status) }
    unsafe statements[sql] = statement
    return unsafe statement
  }

  private func bind(_ value: Value, at index: Int32, of statement: OpaquePointer) throws(StoreError) {
    // SQLITE_TRANSIENT: the library copies the bytes before the call returns.
    let transient = unsafe unsafeBitCast(-1, to: sqlite3_destructor_type.self)
    let status: Int32
    switch value {
    case .text(let text):
      status = unsafe sqlite3_bind_text(statement, index, text, Int32(clamping: text.utf8.count), transient)
    case .integer(let number):
      status = unsafe sqlite3_bind_int64(statement, index, number)
    case .blob(let bytes):
      status = unsafe bytes.withUnsafeBytes { bytes in
        // An empty region has no address, and SQLite takes no address for NULL.
        unsafe bytes.isEmpty
          ? sqlite3_bind_zeroblob(statement, index, 0)
          : sqlite3_bind_blob(statement, index, bytes.baseAddress, Int32(clamping: bytes.count), transient)
      }
    case .null:
      status = unsafe sqlite3_bind_null(statement, index)
    }
    guard status == SQLITE_OK else { throw failure(status) }
  }

  private static func column(_ index: Int32, of statement: OpaquePointer) -> Value {
    switch unsafe sqlite3_column_type(statement, index) {
    case SQLITE_INTEGER:
      return .integer(unsafe sqlite3_column_int64(statement, index))
    case SQLITE_TEXT:
      guard let text = unsafe sqlite3_column_text(statement, index) else { return .null }
      return .text(unsafe String(cString: text))
    case SQLITE_BLOB:
      let count = Int(unsafe sqlite3_column_bytes(statement, index))
      guard count > 0, let bytes = unsafe sqlite3_column_blob(statement, index) else { return .blob([]) }
      return .blob(unsafe [UInt8](UnsafeRawBufferPointer(start: bytes, count: count)))
    default:
      return .null
    }
  }

  private var isGone: StoreError { StoreError(.inaccessible, "\(path) could not be opened again") }

  private func failure(_ status: Int32) -> StoreError {
    let reason = unsafe String(cString: handle == nil ? sqlite3_errstr(status) : sqlite3_errmsg(handle))
    switch status & 0xff {
    case SQLITE_CORRUPT, SQLITE_NOTADB:
      return .corruptFile(path, reason)
    case SQLITE_BUSY, SQLITE_LOCKED:
      return StoreError(.inUse, "\(path) is held by another process; end what keeps it locked")
    default:
      return StoreError(
        .inaccessible, "\(path): \(reason); check that the directory is writable and its disk not full")
    }
  }
}

extension StoreError {
  static func corruptFile(_ path: String, _ reason: String) -> StoreError {
    StoreError(
      .corrupt,
      "\(path) is damaged or not a store of TunnelEdge (\(reason)); move it away and start again: "
        + "everybody then has to sign in once more")
  }
}
