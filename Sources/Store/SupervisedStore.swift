import Logging
import Policy
import Synchronization

/// A store that is watched: while it fails, nobody waits for it, and everybody is told how long it has been (security
/// rule 30).
///
/// One failure makes it failing; then every call is answered with the same error at once, but for the poll, which asks the
/// store itself. The first poll that can write makes it well again.
package final class SupervisedStore: RecordStore {
  private struct State {
    var health = StoreHealth()
    var error: StoreError?
    var told = StoreHealth.Standing.well
    var lastWrite: UnixTime
    /// Looks at a poll that has not been answered yet; nil: none is waited for.
    var looks: Int?
  }

  /// How long the store may take to answer a poll before it counts as failing, in seconds.
  package static let patience: Int64 = 5
  /// Looks a second. They are counted, because a clock that is set forward is no silence.
  package static let looksPerSecond: Int64 = 2

  /// A store that nobody writes to is written to by the poll this often, in seconds: a full disk is known before a person
  /// meets it.
  private static let proofInterval: Int64 = 30

  private let store: any RecordStore
  private let clock: UnixClock
  private let state: Mutex<State>
  private let tell: @Sendable (StoreEvent) -> Void

  /// - Parameter tell: called when the standing has changed, on whatever thread polls.
  package init(_ store: any RecordStore, clock: @escaping UnixClock, tell: @escaping @Sendable (StoreEvent) -> Void) {
    self.store = store
    self.clock = clock
    self.tell = tell
    state = Mutex(State(lastWrite: clock()))
  }

  package var health: StoreHealth { state.withLock { $0.health } }
  package var standing: StoreHealth.Standing { health.standing(at: clock()) }

  package func record(_ kind: RecordKind, _ id: String) async throws(StoreError) -> StoredRecord? {
    try await guarded { store async throws(StoreError) in try await store.record(kind, id) }
  }

  @discardableResult
  package func put(
    _ kind: RecordKind, _ id: String, _ value: [UInt8], expiresAt: UnixTime?, if condition: PutCondition
  ) async throws(StoreError) -> UInt64? {
    try await guarded(writes: true) { store async throws(StoreError) in
      try await store.put(kind, id, value, expiresAt: expiresAt, if: condition)
    }
  }

  package func delete(_ kind: RecordKind, _ id: String) async throws(StoreError) {
    try await guarded(writes: true) { store async throws(StoreError) in try await store.delete(kind, id) }
  }

  package func delete(_ kind: RecordKind, _ ids: [String]) async throws(StoreError) {
    try await guarded(writes: true) { store async throws(StoreError) in try await store.delete(kind, ids) }
  }

  package func records(_ kind: RecordKind) async throws(StoreError) -> [StoredRecord] {
    try await guarded { store async throws(StoreError) in try await store.records(kind) }
  }

  @discardableResult
  package func removeExpired() async throws(StoreError) -> Int {
    try await guarded(writes: true) { store async throws(StoreError) in try await store.removeExpired() }
  }

  package func changes() async -> AsyncStream<RecordChange> { await store.changes() }

  package func close() async { await store.close() }

  /// Asks the store itself, and tells what has become of it.
  package func poll(writes: Bool) async throws(StoreError) {
    let now = clock()
    let mustWrite = state.withLock { state in
      state.looks = 0
      return writes || state.error != nil || state.lastWrite.adding(seconds: Self.proofInterval) <= now
    }
    defer { state.withLock { $0.looks = nil } }
    do throws(StoreError) {
      try await store.poll(writes: mustWrite)
      let began = state.withLock { state -> UnixTime? in
        defer {
          state.health.worked()
          state.error = nil
          state.told = .well
          if mustWrite { state.lastWrite = now }
        }
        return state.health.failingSince
      }
      if let began { tell(.recovered(afterSeconds: clock().seconds - began.seconds)) }
    } catch {
      note(error)
      tellStanding()
      throw error
    }
    tellStanding()
  }

  /// Called `looksPerSecond` beside `poll`: a disk that has gone away answers none, and fails like one that says so.
  package func watch() {
    let now = clock()
    state.withLock { state in
      guard let looks = state.looks else { return }
      state.looks = looks + 1
      guard looks + 1 >= Self.patience * Self.looksPerSecond else { return }
      let error = StoreError(.inaccessible, "the store does not answer; look whether its disk works")
      state.health.failed(error, at: now.adding(seconds: -Self.patience))
      state.error = error
    }
    tellStanding()
  }

  /// Each step once, in order.
  private func tellStanding() {
    let (news, problem) = state.withLock { state in
      let standing = state.health.standing(at: clock())
      let steps: [StoreHealth.Standing] = [.failing, .closedToSignIns, .lost]
      let news = steps.filter { state.told < $0 && $0 <= standing }
      state.told = standing
      return (news, state.health.problem)
    }
    for step in news {
      switch step {
      case .well: break
      case .failing: tell(.failing(problem: problem))
      case .closedToSignIns: tell(.closedToSignIns(problem: problem))
      case .lost: tell(.lost(problem: problem))
      }
    }
  }

  private func guarded<Value: Sendable>(
    writes: Bool = false, _ body: (any RecordStore) async throws(StoreError) -> Value
  ) async throws(StoreError) -> Value {
    if let error = state.withLock({ $0.error }) { throw error }
    do throws(StoreError) {
      let value = try await body(store)
      if writes {
        let now = clock()
        state.withLock { $0.lastWrite = now }
      }
      return value
    } catch {
      note(error)
      throw error
    }
  }

  private func note(_ error: StoreError) {
    // After `close` nothing is wrong with it.
    if error.kind == .closed { return }
    let now = clock()
    state.withLock { state in
      state.health.failed(error, at: now)
      state.error = error
    }
  }
}
