import Policy
import Synchronization
import TestSupport
import Testing

@testable import Identity

/// Bounded, and fair among sources.
@Suite(.timeLimit(.minutes(5))) struct ExchangeGateTests {
  /// An exchange that lasts until the test says so.
  final class Held: Sendable {
    private struct State {
      var waiting: [CheckedContinuation<Void, Never>] = []
      var started: [String] = []
      var isOpen = false
    }
    private let state = Mutex(State())

    var started: [String] { state.withLock { $0.started } }

    func run(_ name: String) async {
      await withCheckedContinuation { continuation in
        let isOpen = state.withLock { state in
          state.started.append(name)
          if !state.isOpen { state.waiting.append(continuation) }
          return state.isOpen
        }
        if isOpen { continuation.resume() }
      }
    }

    func releaseOne() { state.withLock { $0.waiting.isEmpty ? nil : $0.waiting.removeFirst() }?.resume() }

    func open() {
      let all = state.withLock { state in
        state.isOpen = true
        defer { state.waiting = [] }
        return state.waiting
      }
      for continuation in all { continuation.resume() }
    }
  }

  private func send(_ source: String, _ gate: ExchangeGate, _ held: Held) -> Task<Bool, Never> {
    Task {
      do throws(IdentityError) {
        try await gate.pass(source: source) { () async throws(IdentityError) in await held.run(source) }
        return true
      } catch {
        return false
      }
    }
  }

  @Test func oneSourceLeavesRoomForOthersAndTheyTakeTurns() async throws {
    let clock = TestClock()
    let gate = ExchangeGate(
      limits: .init(running: 3, runningPerSource: 2, waiting: 5, waitingPerSource: 3), clock: clock.source)
    let held = Held()
    var tasks: [Task<Bool, Never>] = []
    for _ in 0..<2 { tasks.append(send("192.0.2.1", gate, held)) }
    try await until("exchanges that began") { held.started.count == 2 }
    for _ in 0..<3 { tasks.append(send("192.0.2.1", gate, held)) }
    try await until("exchanges that wait") { gate.waitingCount == 3 }
    // Its share of places to wait is taken, too.
    #expect(await send("192.0.2.1", gate, held).value == false)
    // Somebody else goes at once.
    tasks.append(send("192.0.2.2", gate, held))
    try await until("exchanges that began") { held.started.count == 3 }
    tasks.append(send("192.0.2.3", gate, held))
    try await until("exchanges that wait") { gate.waitingCount == 4 }
    tasks.append(send("2001:db8::1", gate, held))
    try await until("exchanges that wait") { gate.waitingCount == 5 }
    #expect(await send("2001:db8:0:ffff::1", gate, held).value == false)
    // The next place is the first source's turn, the one after it another's.
    held.releaseOne()
    try await until("exchanges that began") { held.started.count == 4 }
    #expect(held.started.last == "192.0.2.1")
    held.releaseOne()
    try await until("exchanges that began") { held.started.count == 5 }
    #expect(held.started.last == "192.0.2.3")
    held.open()
    for task in tasks { #expect(await task.value) }
    #expect(held.started.count == 8)
    #expect(gate.waitingCount == 0)
  }

  @Test func nobodyWaitsForever() async throws {
    let clock = TestClock()
    let gate = ExchangeGate(limits: .init(running: 1, runningPerSource: 1), clock: clock.source)
    let held = Held()
    let first = send("192.0.2.1", gate, held)
    try await until("exchanges that began") { held.started.count == 1 }
    let late = send("192.0.2.2", gate, held)
    try await until("exchanges that wait") { gate.waitingCount == 1 }
    clock.advance(seconds: 15)
    held.open()
    #expect(await first.value)
    #expect(await late.value == false)
    #expect(await send("192.0.2.2", gate, held).value)
  }

  @Test func aFailureGivesThePlaceBack() async throws {
    let gate = ExchangeGate(limits: .init(running: 1, runningPerSource: 1), clock: TestClock().source)
    for _ in 0..<3 {
      await #expect(throws: IdentityError(.expired, "no")) {
        try await gate.pass(source: "") { () async throws(IdentityError) in throw IdentityError(.expired, "no") }
      }
    }
    let answer = try await gate.pass(source: "") { () async throws(IdentityError) in 1 }
    #expect(answer == 1)
  }
}
