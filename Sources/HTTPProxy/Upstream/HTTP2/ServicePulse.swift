import NIOCore

/// Whether the service at the other end of a connection is still there, by what is heard of it.
struct ServicePulse {
  enum Finding {
    case fine
    /// Nothing has been heard for a while: it is to be asked now.
    case ask
    /// It was asked, and nothing has come.
    case silent
  }

  /// Silence with requests under way, until the service is asked whether it is there; and as long again for the answer.
  static let patience = TimeAmount.seconds(15)

  private(set) var heardAt = NIODeadline.now()
  /// A request got no answer, and nothing has come since.
  private(set) var isDoubted = false
  private var askedAt: NIODeadline?

  mutating func heard(_ now: NIODeadline) {
    heardAt = now
    isDoubted = false
  }

  /// The first request after a time without any: what it was silent about before means nothing.
  mutating func beginWaiting(_ now: NIODeadline) { heardAt = now }

  /// A request was given up that the service said nothing to. Whether it is to be asked now.
  mutating func doubt(_ now: NIODeadline) -> Bool {
    guard !isDoubted else { return false }
    isDoubted = true
    askedAt = now
    return true
  }

  /// Called a few times a second. `isBusy`: requests are under way.
  mutating func look(_ now: NIODeadline, isBusy: Bool) -> Finding {
    guard isBusy || isDoubted else {
      askedAt = nil
      return .fine
    }
    if let askedAt, askedAt > heardAt { return now - askedAt > Self.patience ? .silent : .fine }
    guard now - heardAt > Self.patience else { return .fine }
    askedAt = now
    return .ask
  }
}
