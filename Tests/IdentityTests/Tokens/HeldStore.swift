import Policy
import Store
import Synchronization

/// A store whose writes wait while it is told to hold them.
final class HeldStore: RecordStore {
  private struct State {
    var isHolding = false
    var arrived = 0
    var waiting: [CheckedContinuation<Void, Never>] = []
    var watcher: (count: Int, resume: CheckedContinuation<Void, Never>)?
  }

  private let store: MemoryStore
  private let state = Mutex(State())

  init(_ store: MemoryStore) { self.store = store }

  func hold() { state.withLock { $0.isHolding = true } }

  /// One more has come to its end, or waits.
  func arrive() {
    let watcher = state.withLock { state -> CheckedContinuation<Void, Never>? in
      state.arrived += 1
      guard let watcher = state.watcher, state.arrived >= watcher.count else { return nil }
      state.watcher = nil
      return watcher.resume
    }
    watcher?.resume()
  }

  /// Lets the writes go on when so many have arrived.
  func letGo(after count: Int) async {
    await withCheckedContinuation { continuation in
      let isThere = state.withLock { state -> Bool in
        if state.arrived >= count { return true }
        state.watcher = (count, continuation)
        return false
      }
      if isThere { continuation.resume() }
    }
    let waiting = state.withLock { state in
      defer { state.waiting = [] }
      state.isHolding = false
      return state.waiting
    }
    for continuation in waiting { continuation.resume() }
  }

  func put(
    _ kind: RecordKind, _ id: String, _ value: [UInt8], expiresAt: UnixTime?, if condition: PutCondition
  ) async throws(StoreError) -> UInt64? {
    await withCheckedContinuation { continuation in
      let isHeld = state.withLock { state in
        if state.isHolding { state.waiting.append(continuation) }
        return state.isHolding
      }
      if isHeld { arrive() } else { continuation.resume() }
    }
    return try await store.put(kind, id, value, expiresAt: expiresAt, if: condition)
  }

  func record(_ kind: RecordKind, _ id: String) async throws(StoreError) -> StoredRecord? {
    try await store.record(kind, id)
  }
  func delete(_ kind: RecordKind, _ id: String) async throws(StoreError) { try await store.delete(kind, id) }
  func records(_ kind: RecordKind) async throws(StoreError) -> [StoredRecord] { try await store.records(kind) }
  func removeExpired() async throws(StoreError) -> Int { try await store.removeExpired() }
  func poll(writes: Bool) async throws(StoreError) { try await store.poll(writes: writes) }
  func changes() async -> AsyncStream<RecordChange> { await store.changes() }
  func close() async { await store.close() }
}
