import Policy
import Store
import StoreDoubles
import Synchronization
import TestSupport
import Testing

/// A store whose polls are answered when the test says so.
final class SilentStore: StoreDouble {
  private struct State {
    var polls: [CheckedContinuation<Void, Never>] = []
    var asked: [CheckedContinuation<Void, Never>] = []
  }

  let store: MemoryStore
  private let state = Mutex(State())

  init(clock: @escaping UnixClock) { store = MemoryStore(clock: clock) }

  func before(_ call: StoreCall) async throws(StoreError) {
    guard case .poll = call else { return }
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
    fragile.isBroken = true
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
    fragile.isBroken = false
    await poll()
    #expect(store.standing == .well)
    #expect(store.health.failures == 6)
    #expect(events.take() == [.recovered(afterSeconds: 60)])
    await poll()
    #expect(events.take().isEmpty)
  }

  /// However long ago the clock now says that it began, a minute later it is lost.
  @Test func aClockThatIsSetBackPutsNothingOff() async {
    fragile.isBroken = true
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
    fragile.isBroken = true
    await #expect(throws: StoreError.self) { try await store.records(kind) }
    let calls = fragile.calls
    for _ in 0..<3 { await #expect(throws: StoreError.self) { try await store.delete(kind, "a") } }
    #expect(fragile.calls == calls)
  }

  @Test func provesThatItCanBeWritten() async throws {
    await poll()
    #expect(fragile.proofs == 0)
    clock.advance(seconds: 29)
    try await store.put(kind, "a", [1], expiresAt: nil)
    clock.advance(seconds: 29)
    await poll()
    #expect(fragile.proofs == 0)
    clock.advance(seconds: 1)
    await poll()
    await poll()
    #expect(fragile.proofs == 1)
  }

  @Test func aClosedStoreHasNotFailed() async {
    await store.close()
    await #expect(throws: StoreError.self) { try await store.put(kind, "a", [1], expiresAt: nil) }
    #expect(store.standing == .well)
  }

  /// The first who meets it knows; nobody has to poll first.
  @Test func pollsFindFaultsToo() async {
    fragile.isBroken = true
    await poll()
    #expect(store.standing == .failing)
    #expect(events.take() == [.failing(problem: "disk full")])
  }
}
