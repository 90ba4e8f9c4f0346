import Policy
import Synchronization

/// Records that live as long as the process (`databroker_storage_type: memory`).
package final class MemoryStore: RecordStore {
  private struct Key: Hashable {
    var kind: RecordKind
    var id: String
  }

  private struct State {
    var records: [Key: StoredRecord] = [:]
    var version: UInt64 = 0
    var isClosed = false
  }

  private let clock: UnixClock
  private let state = Mutex(State())
  private let broadcast = ChangeBroadcast()

  package init(clock: @escaping UnixClock) { self.clock = clock }

  package func record(_ kind: RecordKind, _ id: String) async throws(StoreError) -> StoredRecord? {
    let now = clock()
    return try withState { $0.records[Key(kind: kind, id: id)].flatMap { $0.isLive(at: now) ? $0 : nil } }
  }

  @discardableResult
  package func put(
    _ kind: RecordKind, _ id: String, _ value: [UInt8], expiresAt: UnixTime?, if condition: PutCondition
  ) async throws(StoreError) -> UInt64? {
    let now = clock()
    let version: UInt64? = try withState { state in
      let key = Key(kind: kind, id: id)
      let current = state.records[key].flatMap { $0.isLive(at: now) ? $0 : nil }
      guard condition.holds(for: current) else { return nil }
      state.version += 1
      state.records[key] = StoredRecord(
        kind: kind, id: id, value: value, expiresAt: expiresAt, version: state.version)
      return state.version
    }
    if version != nil { broadcast.send(RecordChange(kind: kind, id: id, action: .written)) }
    return version
  }

  package func delete(_ kind: RecordKind, _ id: String) async throws(StoreError) {
    let removed = try withState { $0.records.removeValue(forKey: Key(kind: kind, id: id)) != nil }
    if removed { broadcast.send(RecordChange(kind: kind, id: id, action: .deleted)) }
  }

  package func records(_ kind: RecordKind) async throws(StoreError) -> [StoredRecord] {
    let now = clock()
    return try withState { state in
      state.records.values.filter { $0.kind == kind && $0.isLive(at: now) }.sorted { $0.id < $1.id }
    }
  }

  @discardableResult
  package func removeExpired() async throws(StoreError) -> Int {
    let now = clock()
    return try withState { state in
      let before = state.records.count
      state.records = state.records.filter { $0.value.isLive(at: now) }
      return before - state.records.count
    }
  }

  package func poll(writes: Bool) async throws(StoreError) {}

  package func changes() async -> AsyncStream<RecordChange> { broadcast.subscribe() }

  package func close() async {
    state.withLock { $0.isClosed = true }
    broadcast.close()
  }

  private func withState<Value: Sendable>(_ body: (inout State) -> Value) throws(StoreError) -> Value {
    let value: Value? = state.withLock { $0.isClosed ? nil : body(&$0) }
    guard let value else { throw StoreError(.closed, "the store has been closed") }
    return value
  }
}
