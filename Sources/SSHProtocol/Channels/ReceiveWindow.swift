/// The credit we give a peer on one channel: what it may still send, what was passed on, what we owe (ssh.md 3.2).
struct ReceiveWindow {
  /// What the peer may have outstanding at most.
  private(set) var size: UInt32
  /// What it may still send.
  private(set) var remaining: UInt32
  /// Received, not yet passed on.
  private(set) var unconsumed: UInt32 = 0
  private var owed: UInt32 = 0
  private var epochBytes: UInt32 = 0
  private var epochStart: UInt64

  init(size: UInt32, now: UInt64) {
    self.size = size
    remaining = size
    epochStart = now
  }

  /// False when the peer sent more than it may.
  mutating func receive(_ count: Int) -> Bool {
    guard let count = UInt32(exactly: count), count <= remaining else { return false }
    remaining -= count
    unconsumed += count
    return true
  }

  /// Bytes were passed on. Returns what to announce now; small amounts are saved up.
  mutating func consume(_ count: Int) -> UInt32? {
    let passed = UInt32(clamping: max(0, count))
    let known = min(passed, unconsumed)
    unconsumed -= known
    owed += known
    guard owed >= max(size / 4, min(ReceiveWindow.smallestAdjust, size / 2)) else { return nil }
    return settle()
  }

  private mutating func settle() -> UInt32 {
    let credit = owed
    owed = 0
    remaining += credit
    epochBytes = epochBytes.addingReportingOverflow(credit).partialValue
    return credit
  }

  /// Whether a window's worth passed within two round trips with nothing left over: the window is what limits the peer.
  mutating func isLimiting(now: UInt64, roundTrip: UInt64?) -> Bool {
    guard epochBytes >= size else { return false }
    let elapsed = now &- epochStart
    epochBytes = 0
    epochStart = now
    guard let roundTrip else { return false }
    return unconsumed == 0 && elapsed <= 2 * roundTrip
  }

  /// Makes the window larger; the increase is announced together with the next credit.
  mutating func grow(by count: UInt32) -> UInt32 {
    let (larger, overflow) = size.addingReportingOverflow(count)
    guard !overflow else { return 0 }
    size = larger
    remaining += count
    return count
  }

  private static let smallestAdjust: UInt32 = 64 * 1024
}
