/// The round trip to the peer, as its quickest recent answers show it: an answer never comes sooner than the path allows,
/// and often later, since the peer does something before it answers.
struct RoundTrip {
  /// Nanoseconds.
  private var present: UInt64?
  private var past: UInt64?
  private var began: UInt64 = 0

  /// A path changes when somebody takes a laptop elsewhere: what is older than two of these no longer counts.
  private static let period: UInt64 = .seconds(60)
  /// Before anything was measured: a far one. A window too large costs memory, one too small the whole transfer.
  static let assumed: UInt64 = .milliseconds(100)

  var shortest: UInt64? { present.map { min($0, past ?? $0) } ?? past }

  mutating func note(_ sample: UInt64, now: UInt64) {
    if now &- began >= RoundTrip.period {
      past = present ?? past
      present = nil
      began = now
    }
    present = min(present ?? sample, sample)
  }
}
