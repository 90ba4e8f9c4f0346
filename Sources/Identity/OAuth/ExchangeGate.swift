import Policy
import Synchronization

/// How many sign-ins are finished with the provider at once. Anybody can send codes that are none, and each costs an exchange;
/// those of one source must not keep the others waiting, nor a slow provider make them pile up.
final class ExchangeGate: Sendable {
  struct Limits: Sendable {
    var running = 32
    /// Of one source: an address, or a customer's IPv6 block.
    var runningPerSource = 8
    var waiting = 256
    var waitingPerSource = 64
    /// Seconds after which nobody waits any more for the answer.
    var patience: Int64 = 15
  }

  private struct Waiter {
    var continuation: CheckedContinuation<Bool, Never>
    var since: UnixTime
  }

  private struct State {
    var running: [SourceAddress: Int] = [:]
    var total = 0
    var waiting: [SourceAddress: [Waiter]] = [:]
    /// Whose turn it is: each source once, however many wait there.
    var order: [SourceAddress] = []
    var waitingTotal = 0
  }

  private let limits: Limits
  private let clock: UnixClock
  private let state = Mutex(State())

  init(limits: Limits = Limits(), clock: @escaping UnixClock) {
    self.limits = limits
    self.clock = clock
  }

  /// Those that wait now, for tests.
  var waitingCount: Int { state.withLock { $0.waitingTotal } }

  /// Runs the body when it is this source's turn.
  func pass<Value: Sendable>(
    source: String, _ body: () async throws(IdentityError) -> Value
  ) async throws(IdentityError) -> Value {
    let source = SourceAddress(source).limitGroup
    guard await enter(source) else {
      throw IdentityError(
        .tooMany, "Too many people are signing in at this moment. Please try again.",
        diagnostics: "\(limits.running) sign-ins are with the identity provider already")
    }
    defer { leave(source) }
    return try await body()
  }

  private func enter(_ source: SourceAddress) async -> Bool {
    await withCheckedContinuation { continuation in
      let answer: Bool? = state.withLock { state in
        if state.total < limits.running, state.running[source, default: 0] < limits.runningPerSource {
          state.total += 1
          state.running[source, default: 0] += 1
          return true
        }
        guard state.waitingTotal < limits.waiting,
          state.waiting[source, default: []].count < limits.waitingPerSource
        else { return false }
        if state.waiting[source] == nil { state.order.append(source) }
        state.waiting[source, default: []].append(Waiter(continuation: continuation, since: clock()))
        state.waitingTotal += 1
        return nil
      }
      if let answer { continuation.resume(returning: answer) }
    }
  }

  private func leave(_ source: SourceAddress) {
    let now = clock()
    let called: [(Waiter, Bool)] = state.withLock { state in
      state.total -= 1
      let left = state.running[source, default: 1] - 1
      state.running[source] = left > 0 ? left : nil
      var called: [(Waiter, Bool)] = []
      while state.total < limits.running, let (next, waiter) = takeNext(&state) {
        let isPatient = now < waiter.since.adding(seconds: limits.patience)
        if isPatient {
          state.total += 1
          state.running[next, default: 0] += 1
        }
        called.append((waiter, isPatient))
      }
      return called
    }
    for (waiter, mayGo) in called { waiter.continuation.resume(returning: mayGo) }
  }

  /// The next that may go: the sources take turns, those that have their share already are left out.
  private func takeNext(_ state: inout State) -> (SourceAddress, Waiter)? {
    guard
      let index = state.order.firstIndex(where: { state.running[$0, default: 0] < limits.runningPerSource })
    else { return nil }
    let source = state.order.remove(at: index)
    guard var waiters = state.waiting.removeValue(forKey: source), !waiters.isEmpty else { return nil }
    let waiter = waiters.removeFirst()
    state.waitingTotal -= 1
    if !waiters.isEmpty {
      state.waiting[source] = waiters
      state.order.append(source)
    }
    return (source, waiter)
  }
}
