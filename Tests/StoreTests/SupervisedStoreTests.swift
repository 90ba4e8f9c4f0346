import Policy
import Store
import Synchronization
import Testing

/// A store that does what it is told: works, or fails.
final class FragileStore: RecordStore {
  let isBroken = Atomic(false)
  /// Calls that reached it, polls aside.
  let calls = Atomic(0)
  let proofs = Atomic(0)
  private let store: MemoryStore

  init(clock: @escaping UnixClock) { store = MemoryStore(clock: clock) }

  private func check() throws(StoreError) {
    calls.wrappingAdd(1, ordering: .relaxed)
    if isBroken.load(ordering: .relaxed) { throw StoreError(.inaccessible, "disk full") }
  }

  func record(_ kind: RecordKind, _ id: String) async throws(StoreError) -> StoredRecord? {
    try check()
    return try await store.record(kind, id)
  }

  func put(
    _ kind: RecordKind, _ id: String, _ value: [UInt8], expiresAt: UnixTime?, if condition: PutCondition
  ) async throws(StoreError) -> UInt64? {
    try check()
    return try await store.put(kind, id, value, expiresAt: expiresAt, if: condition)
  }

  func delete(_ kind: RecordKind, _ id: String) async throws(StoreError) {
    try check()
    try await store.delete(kind, id)
  }

  func records(_ kind: RecordKind) async throws(StoreError) -> [StoredRecord] {
    try check()
    return try await store.records(kind)
  }

  func removeExpired() async throws(StoreError) -> Int {
    try check()
    return try await store.removeExpired()
  }

  func poll(writes: Bool) async throws(StoreError) {
    if writes { proofs.wrappingAdd(1, ordering: .relaxed) }
    if isBroken.load(ordering: .relaxed) { throw StoreError(.inaccessible, "disk full") }
  }

  func changes() async -> AsyncStream<RecordChange> { await store.changes() }
  func close() async { await store.close() }
}

/// A store whose polls are answered when the test says so.
final class SilentStore: RecordStore {
  private struct State {
    var polls: [CheckedContinuation<Void, Never>] = []
    var asked: [CheckedContinuation<Void, Never>] = []
  }

  private let store: MemoryStore
  private let state = Mutex(State())

  init(clock: @escaping UnixClock) { store = MemoryStore(clock: clock) }

  func poll(writes: Bool) async throws(StoreError) {
    await withCheckedContinuation { poll in
      let asked = state.withLock { state in
        state.polls.append(poll)
        defer { state.asked = [] }
        return state.asked
      }
      for waiter in asked { waiter.resume() }
    }
  }

  /// Returns when a poll waits for its answer.
  func isAsked() async {
    await withCheckedContinuation { waiter in
      let isThere = state.withLock { state in
        if state.polls.isEmpty { state.asked.append(waiter) }
        return !state.polls.isEmpty
      }
      if isThere { waiter.resume() }
    }
  }

  func answer() {
    let polls = state.withLock { state in
      defer { state.polls = [] }
      return state.polls
    }
    for poll in polls { poll.resume() }
  }

  func record(_ kind: RecordKind, _ id: String) async throws(StoreError) -> StoredRecord? {
    try await store.record(kind, id)
  }
  func put(
    _ kind: RecordKind, _ id: String, _ value: [UInt8], expiresAt: UnixTime?, if condition: PutCondition
  ) async throws(StoreError) -> UInt64? {
    try await store.put(kind, id, value, expiresAt: expiresAt, if: condition)
  }
  func delete(_ kind: RecordKind, _ id: String) async throws(StoreError) { try await store.delete(kind, id) }
  func records(_ kind: RecordKind) async throws(StoreError) -> [StoredRecord] { try await store.records(kind) }
  func removeExpired() async throws(StoreError) -> Int { try await store.removeExpired() }
  func changes() async -> AsyncStream<RecordChange> { await store.changes() }
  func close() async { await store.close() }
}

@Suite struct SupervisedStoreTests {
  let clock = TestClock()
  let kind = RecordKind("thing")
  let fragile: FragileStore
  let events = Recorder()
  let store: SupervisedStore

  final class Recorder: Sendable {
    private let told = Mutex<[StoreEvent]>([])
    func add(_ event: StoreEvent) { told.withLock { $0.append(event) } }
    func take() -> [StoreEvent] {
      told.withLock { told in
        defer { told = [] }
        return told
      }
    }
  }

  init() {
    fragile = FragileStore(clock: clock.source)
    let events = events
    store = SupervisedStore(fragile, clock: clock.source) { events.add($0) }
  }

  func poll() async { try? await store.poll(writes: false) }

  @Test func fallsFromStepToStepAndTellsEachOnce() async {
    await poll()
    #expect(store.standing == .well)
    fragile.isBroken.store(true, ordering: .relaxed)
    await #expect(throws: StoreError.self) { try await store.put(kind, "a", [1], expiresAt: nil) }
    #expect(store.standing == .failing)
    #expect(store.health.problem == "disk full")
    await poll()
    #expect(events.take() == [.failing(problem: "disk full")])
    clock.advance(seconds: 9)
    await poll()
    #expect(store.standing == .failing)
    clock.advance(seconds: 1)
    #expect(store.standing == .closedToSignIns)
    await poll()
    await poll()
    #expect(events.take() == [.closedToSignIns(problem: "disk full")])
    clock.advance(seconds: 50)
    #expect(store.standing == .lost)
    await poll()
    #expect(events.take() == [.lost(problem: "disk full")])
    fragile.isBroken.store(false, ordering: .relaxed)
    await poll()
    #expect(store.standing == .well)
    #expect(store.health.failures == 6)
    #expect(events.take() == [.recovered(afterSeconds: 60)])
    await poll()
    #expect(events.take().isEmpty)
  }

  /// However long ago the clock now says that it began, a minute later it is lost.
  @Test func aClockThatIsSetBackPutsNothingOff() async {
    fragile.isBroken.store(true, ordering: .relaxed)
    await poll()
    clock.advance(seconds: -3600)
    await poll()
    clock.advance(seconds: 60)
    #expect(store.standing == .lost)
  }

  /// A disk that has gone away says nothing at all.
  @Test func aStoreThatDoesNotAnswerFailsToo() async throws {
    let silent = SilentStore(clock: clock.source)
    let events = Recorder()
    let store = SupervisedStore(silent, clock: clock.source) { events.add($0) }
    let polling = Task { try await store.poll(writes: false) }
    await silent.isAsked()
    let looks = SupervisedStore.patience * SupervisedStore.looksPerSecond
    for _ in 1..<looks { store.watch() }
    #expect(store.standing == .well)
    clock.advance(seconds: SupervisedStore.patience)
    store.watch()
    #expect(store.standing == .failing)
    await #expect(throws: StoreError.self) { try await store.put(kind, "a", [1], expiresAt: nil) }
    clock.advance(seconds: 60 - SupervisedStore.patience)
    store.watch()
    #expect(store.standing == .lost)
    let problem = store.health.problem
    silent.answer()
    try await polling.value
    store.watch()
    #expect(store.standing == .well)
    let steps: [StoreEvent] = [
      .failing(problem: problem), .closedToSignIns(problem: problem), .lost(problem: problem),
      .recovered(afterSeconds: 60),
    ]
    #expect(events.take() == steps)
  }

  /// A machine that slept, while a poll was on its way.
  @Test func aClockThatIsSetForwardIsNoSilence() async throws {
    let silent = SilentStore(clock: clock.source)
    let store = SupervisedStore(silent, clock: clock.source) { _ in }
    let polling = Task { try await store.poll(writes: false) }
    await silent.isAsked()
    clock.advance(seconds: 3600)
    store.watch()
    #expect(store.standing == .well)
    silent.answer()
    try await polling.value
    #expect(store.standing == .well)
  }

  @Test func nobodyWaitsForAStoreThatFails() async {
    fragile.isBroken.store(true, ordering: .relaxed)
    await #expect(throws: StoreError.self) { try await store.records(kind) }
    let calls = fragile.calls.load(ordering: .relaxed)
    for _ in 0..<3 { await #expect(throws: StoreError.self) { try await store.delete(kind, "a") } }
    #expect(fragile.calls.load(ordering: .relaxed) == calls)
  }

  @Test func provesThatItCanBeWritten() async throws {
    await poll()
    #expect(fragile.proofs.load(ordering: .relaxed) == 0)
    clock.advance(seconds: 29)
    try await store.put(kind, "a", [1], expiresAt: nil)
    clock.advance(seconds: 29)
    await poll()
    #expect(fragile.proofs.load(ordering: .relaxed) == 0)
    clock.advance(seconds: 1)
    await poll()
    await poll()
    #expect(fragile.proofs.load(ordering: .relaxed) == 1)
  }

  @Test func aClosedStoreHasNotFailed() async {
    await store.close()
    await #expect(throws: StoreError.self) { try await store.put(kind, "a", [1], expiresAt: nil) }
    #expect(store.standing == .well)
  }

  /// The first who meets it knows; nobody has to poll first.
  @Test func pollsFindFaultsToo() async {
    fragile.isBroken.store(true, ordering: .relaxed)
    await poll()
    #expect(store.standing == .failing)
    #expect(events.take() == [.failing(problem: "disk full")])
  }
}
