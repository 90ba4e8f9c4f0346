import NIOCore

extension NIODeadline {
  /// Whether more than so many milliseconds have passed since then; 0 is no limit.
  func isPast(_ since: NIODeadline, by milliseconds: Int64) -> Bool {
    milliseconds > 0 && self - since > .milliseconds(milliseconds)
  }
}

/// Whether a visitor takes what is sent: watches what the socket has not taken yet, while it is too much.
///
/// The kernel takes more once half of what may lie in it unsent has left (`TCP_NOTSENT_LOWAT`), so that a reader counts as one
/// as long as it takes 128 KiB within the limit.
struct WriteProgress {
  private var since: NIODeadline?
  private var unwritten = 0

  /// Nothing waits, or waiting begins.
  mutating func writabilityChanged(isWritable: Bool, _ now: NIODeadline) {
    since = isWritable ? nil : now
    unwritten = .max
  }

  var isWaiting: Bool { since != nil }

  /// Whether nothing has left for so long.
  mutating func isStuck(_ now: NIODeadline, longerThan limit: Int64, unwritten left: Int) -> Bool {
    guard let since else { return false }
    if left < unwritten {
      unwritten = left
      self.since = now
      return false
    }
    unwritten = left
    return now.isPast(since, by: limit)
  }
}
