import Policy
import Synchronization

/// Which warnings are written that anybody out there can cause as often as they like: twenty at once, then one a second.
/// Those left out are counted, and the count is written too.
package final class BoundedWarnings: Sendable {
  private struct State {
    var allowance = BoundedWarnings.burst
    var refilledAt: UnixTime?
    var leftOut = 0
  }

  package static let burst = 20
  /// Milliseconds for one more.
  private static let interval: Int64 = 1000

  private let clock: UnixClock
  private let state = Mutex(State())

  package init(clock: @escaping UnixClock) { self.clock = clock }

  /// Whether this one may be written; if not, it counts as left out.
  package func admit() -> Bool {
    let now = clock()
    return state.withLock { state in
      Self.refill(&state, now)
      guard state.allowance > 0 else {
        if state.leftOut < .max { state.leftOut += 1 }
        return false
      }
      state.allowance -= 1
      return true
    }
  }

  /// How many were left out since this was last asked, once there is room for a line that says so. For the sweep.
  package func takeLeftOut() -> Int? {
    let now = clock()
    return state.withLock { state in
      guard state.leftOut > 0 else { return nil }
      Self.refill(&state, now)
      guard state.allowance > 0 else { return nil }
      state.allowance -= 1
      defer { state.leftOut = 0 }
      return state.leftOut
    }
  }

  private static func refill(_ state: inout State, _ now: UnixTime) {
    guard let last = state.refilledAt, last <= now else {
      state.refilledAt = now
      return
    }
    let passed = now.milliseconds - last.milliseconds
    guard passed >= interval else { return }
    state.allowance = min(burst, state.allowance + Int(clamping: passed / interval))
    state.refilledAt = now
  }
}
