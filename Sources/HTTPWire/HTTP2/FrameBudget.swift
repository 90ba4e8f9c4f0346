/// A bucket that fills with time: how much of something a peer may do.
struct FrameBudget {
  private let rate: Double
  private let burst: Double
  private var tokens: Double
  /// Nanoseconds of the connection's clock.
  private var since: UInt64?

  init(rate: Double, burst: Double) {
    self.rate = rate
    self.burst = burst
    tokens = burst
  }

  mutating func giveBack(_ count: Double) { tokens = min(burst, tokens + count) }

  /// Whether one more is within the budget.
  mutating func take(at now: UInt64) -> Bool {
    if let since, now > since { tokens = min(burst, tokens + Double(now - since) / 1e9 * rate) }
    since = now
    guard tokens >= 1 else { return false }
    tokens -= 1
    return true
  }
}
