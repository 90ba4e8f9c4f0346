import EdgeCrypto
import Synchronization

/// Counts connections that have proved no key yet and turns new ones away with rising odds (`MaxStartups`).
final class StartupGate: Sendable {
  private struct State {
    var count = 0
    var limits: SSHServerConfiguration.MaxStartups
  }

  private let state: Mutex<State>
  private let random: RandomSource

  init(_ limits: SSHServerConfiguration.MaxStartups, random: @escaping RandomSource) {
    state = Mutex(State(limits: limits))
    self.random = random
  }

  func configure(_ limits: SSHServerConfiguration.MaxStartups) { state.withLock { $0.limits = limits } }

  /// Whether one more may come in; if so it is counted until `leave`.
  func enter() -> Bool {
    let draw = random(2).reduce(0) { $0 << 8 | Int($1) } % 100
    return state.withLock { state in
      guard draw >= Self.refusedPercent(count: state.count, state.limits) else { return false }
      state.count += 1
      return true
    }
  }

  func leave() { state.withLock { $0.count = max(0, $0.count - 1) } }

  /// sshd's rule: `rate` at `start`, rising in a line to 100 at `full`.
  static func refusedPercent(count: Int, _ limits: SSHServerConfiguration.MaxStartups) -> Int {
    if count < limits.start { return 0 }
    if count >= limits.full || limits.full <= limits.start { return 100 }
    return limits.rate + (100 - limits.rate) * (count - limits.start) / (limits.full - limits.start)
  }
}
