import Synchronization

/// How much of something may be under way at once.
final class WorkBudget: Sendable {
  private let count = Mutex(0)
  private let most: Int

  init(most: Int) { self.most = most }

  var current: Int { count.withLock { $0 } }

  func enter() -> Bool {
    count.withLock {
      guard $0 < most else { return false }
      $0 += 1
      return true
    }
  }

  func leave() { count.withLock { $0 = max(0, $0 - 1) } }
}
