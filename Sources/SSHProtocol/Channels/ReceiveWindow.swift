/// The credit we give a peer on one channel (ssh.md 3.2).
///
///     size = remaining (it may still send) + unconsumed (came, not passed on) + owed (passed on, not announced yet)
///
/// It grows while the peer fills it faster than a round trip allows, and shrinks, by announcing less than was consumed,
/// when it is far larger than its consumer needs: what is announced can be sent any time, and would have to be kept.
struct ReceiveWindow {
  /// What the peer may have outstanding at most.
  private(set) var size: UInt32
  /// What it may still send.
  private(set) var remaining: UInt32
  /// Received, not yet passed on.
  private(set) var unconsumed: UInt32 = 0
  private(set) var owed: UInt32 = 0
  /// What was passed on since `epochStart`.
  private var epochBytes = 0
  private var epochStart: UInt64
  private var settledAt: UInt64

  /// What comes of consumption.
  struct Settlement: Equatable {
    /// To be announced; 0: nothing.
    var credit: UInt32
    /// The window passed within two round trips: a larger one would let the peer send faster.
    var isLimiting: Bool
  }

  init(size: UInt32, now: UInt64) {
    self.size = size
    remaining = size
    epochStart = now
    settledAt = now
  }

  /// False when the peer sent more than it may.
  mutating func receive(_ count: Int) -> Bool {
    guard let count = UInt32(exactly: count), count <= remaining else { return false }
    remaining -= count
    unconsumed += count
    return true
  }

  /// Bytes were passed on. True when enough of them wait to be announced; small amounts are saved up.
  mutating func consume(_ count: Int) -> Bool {
    let known = min(UInt32(clamping: max(0, count)), unconsumed)
    unconsumed -= known
    owed += known
    return owed >= max(size / 4, min(ReceiveWindow.smallestAdjust, size / 2)) && owed > 0
  }

  /// Turns what is owed into credit. `usual`: the size that no window is shrunk below; `isShort`: memory is.
  mutating func settle(now: UInt64, roundTrip: UInt64, usual: UInt32, isShort: Bool) -> Settlement {
    let passed = owed
    let elapsed = max(1, now &- settledAt)
    owed = 0
    settledAt = now
    var credit = passed
    if size > usual, isShort || isTooLarge(passed: passed, elapsed: elapsed, roundTrip: roundTrip, usual: usual) {
      let withheld = min(credit, size - usual)
      size -= withheld
      credit -= withheld
    }
    remaining += credit
    return Settlement(credit: credit, isLimiting: isLimiting(passed: passed, now: now, elapsed, roundTrip))
  }

  /// Eight times what its consumer takes in a round trip.
  private func isTooLarge(passed: UInt32, elapsed: UInt64, roundTrip: UInt64, usual: UInt32) -> Bool {
    let useful = Double(passed) / Double(elapsed) * Double(roundTrip) * 2
    return Double(size) > 4 * max(useful, Double(usual))
  }

  private mutating func isLimiting(passed: UInt32, now: UInt64, _ elapsed: UInt64, _ roundTrip: UInt64) -> Bool {
    guard elapsed <= 2 * roundTrip else {
      // A pause: what follows is measured from here.
      epochBytes = 0
      epochStart = now
      return false
    }
    epochBytes += Int(passed)
    guard epochBytes >= Int(size) else { return false }
    let took = now &- epochStart
    epochBytes = 0
    epochStart = now
    return took <= 2 * roundTrip
  }

  /// Makes the window larger; the increase is announced together with the credit at hand.
  mutating func grow(by count: UInt32) -> Bool {
    let (larger, overflow) = size.addingReportingOverflow(count)
    guard !overflow else { return false }
    size = larger
    remaining += count
    return true
  }

  private static let smallestAdjust: UInt32 = 64 * 1024
}
