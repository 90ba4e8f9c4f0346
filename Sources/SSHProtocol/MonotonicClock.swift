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

/// A token bucket against floods of cheap messages, kept as one time (the generic cell rate algorithm, ITU-T I.371):
/// every connection holds several.
struct RateBudget {
  /// Nanoseconds that one costs.
  private let price: UInt64
  /// Nanoseconds that may be spent ahead of time.
  private let credit: UInt64
  /// Until when everything spent is paid for.
  private var paid: UInt64

  /// - Parameters:
  ///   - rate: how many a second, for ever.
  ///   - burst: how many at once.
  init(rate: Double, burst: Double, now: UInt64) {
    let second = 1e9
    let price = second / max(rate, 1 / RateBudget.longest * second)
    self.price = UInt64(price)
    self.credit = UInt64(min(max(burst - 1, 0) * price, RateBudget.longest))
    self.paid = now
  }

  /// 31 years in nanoseconds: sums of it and any uptime stay far from the end of 64 bits.
  private static let longest = 1e18

  /// Whether one more is within the budget.
  mutating func spend(now: UInt64) -> Bool {
    let start = max(paid, now)
    guard start - now <= credit else { return false }
    paid = start + price
    return true
  }
}
