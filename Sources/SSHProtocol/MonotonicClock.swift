import NIOCore

/// Nanoseconds that only grow; injected, so that tests own the time.
package typealias MonotonicClock = @Sendable () -> UInt64

package enum SystemClock {
  package static let monotonic: MonotonicClock = { NIODeadline.now().uptimeNanoseconds }
}

extension UInt64 {
  package static func seconds(_ count: UInt64) -> UInt64 { count * 1_000_000_000 }
  package static func milliseconds(_ count: UInt64) -> UInt64 { count * 1_000_000 }
}

/// The earlier of two deadlines, of which either may not be there. Asked for after every read: no collection is made.
func earliest(_ left: UInt64?, _ right: UInt64?) -> UInt64? {
  guard let left else { return right }
  guard let right else { return left }
  return min(left, right)
}

/// A token bucket against floods of cheap messages.
struct RateBudget {
  private let rate: Double
  private let burst: Double
  private var tokens: Double
  private var last: UInt64

  init(rate: Double, burst: Double, now: UInt64) {
    self.rate = rate
    self.burst = burst
    self.tokens = burst
    self.last = now
  }

  /// Whether one more is within the budget.
  mutating func spend(now: UInt64) -> Bool {
    if now > last {
      tokens = min(burst, tokens + Double(now - last) / 1e9 * rate)
      last = now
    }
    guard tokens >= 1 else { return false }
    tokens -= 1
    return true
  }
}
