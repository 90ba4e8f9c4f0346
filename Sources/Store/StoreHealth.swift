import Policy

/// How long the store has failed, and what follows (security rule 30).
package struct StoreHealth: Sendable, Hashable {
  package enum Standing: Sendable, Hashable, Comparable {
    case well
    /// What cannot be written is kept and tried again.
    case failing
    /// Nobody new is let in: a session that a restart would lose, or that somebody has ended elsewhere, is not begun.
    case closedToSignIns
    /// What has been ended elsewhere is not known any more: nobody's session counts until it is.
    case lost
  }

  /// In seconds.
  package static let signInsCloseAfter: Int64 = 10
  package static let lostAfter: Int64 = 60

  package private(set) var failingSince: UnixTime?
  /// What is wrong, and what to do about it; empty while it is well.
  package private(set) var problem = ""
  /// Since the start.
  package private(set) var failures: UInt64 = 0

  package init() {}

  package func standing(at now: UnixTime) -> Standing {
    guard let failingSince else { return .well }
    if failingSince.adding(seconds: Self.lostAfter) <= now { return .lost }
    return failingSince.adding(seconds: Self.signInsCloseAfter) <= now ? .closedToSignIns : .failing
  }

  mutating func failed(_ error: StoreError, at now: UnixTime) {
    failures &+= 1
    // Not later than now, or a clock that is set back would make it fail for longer before that counts.
    failingSince = min(failingSince ?? now, now)
    problem = error.description
  }

  mutating func worked() {
    failingSince = nil
    problem = ""
  }
}

/// What happens to the store, for the logs.
package enum StoreEvent: Sendable, Hashable {
  case failing(problem: String)
  case closedToSignIns(problem: String)
  case lost(problem: String)
  /// After so many seconds.
  case recovered(afterSeconds: Int64)
}
