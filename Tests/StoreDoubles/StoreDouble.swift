import Policy
import Store

/// A store in memory to whose calls a test does something: it lets them fail, holds them, or comes between.
package protocol StoreDouble: RecordStore {
  var store: MemoryStore { get }

  /// Runs before each call is done; what it throws is the call's end.
  func before(_ call: StoreCall) async throws(StoreError)
}

/// The calls of a store that can fail.
package enum StoreCall: Sendable, Hashable {
  case record
  case put(RecordKind)
  case delete
  case records
  case removeExpired
  case poll(writes: Bool)
}

extension StoreDouble {
  package func record(_ kind: RecordKind, _ id: String) async throws(StoreError) -> StoredRecord? {
    try await before(.record)
    return try await store.record(kind, id)
  }

  package func put(
    _ kind: RecordKind, _ id: String, _ value: [UInt8], expiresAt: UnixTime?, if condition: PutCondition
  ) async throws(StoreError) -> UInt64? {
    try await before(.put(kind))
    return try await store.put(kind, id, value, expiresAt: expiresAt, if: condition)
  }

  package func delete(_ kind: RecordKind, _ id: String) async throws(StoreError) {
    try await before(.delete)
    try await store.delete(kind, id)
  }

  package func records(_ kind: RecordKind) async throws(StoreError) -> [StoredRecord] {
    try await before(.records)
    return try await store.records(kind)
  }

  package func removeExpired() async throws(StoreError) -> Int {
    try await before(.removeExpired)
    return try await store.removeExpired()
  }

  package func poll(writes: Bool) async throws(StoreError) {
    try await before(.poll(writes: writes))
    try await store.poll(writes: writes)
  }

  package func changes() async -> AsyncStream<RecordChange> { await store.changes() }
  package func close() async { await store.close() }
}
