import Synchronization

/// Sessions and keys whose rights are to be looked at again, collected until somebody gets to it: a hundred that end together
/// are one pass over what is open, not a hundred.
package final class PendingReviews: Sendable {
  private let waiting = Mutex(Review())

  package init() {}

  /// - Returns: whether nothing was waiting. Whoever is told so sees to it that the review is taken.
  package func add(_ scope: ReconsiderScope) -> Bool {
    waiting.withLock { review in
      defer { review.add(scope) }
      return review.isEmpty
    }
  }

  package func take() -> Review {
    waiting.withLock { review in
      defer { review = Review() }
      return review
    }
  }
}

/// Whose rights are looked at in one pass.
package struct Review: Sendable, Hashable {
  private var isOfEverything = false
  private var sessions: Set<String> = []
  private var keys: Set<String> = []

  init() {}

  package init(_ scope: ReconsiderScope) { add(scope) }

  var isEmpty: Bool { !isOfEverything && sessions.isEmpty && keys.isEmpty }

  mutating func add(_ scope: ReconsiderScope) {
    switch scope {
    case .everything: isOfEverything = true
    case .session(let id): sessions.insert(id)
    case .key(let fingerprint): keys.insert(fingerprint)
    }
  }

  /// - Parameter key: the fingerprint of the ssh key that it was opened with.
  package func concerns(session: String?, key: String? = nil) -> Bool {
    isOfEverything || session.map(sessions.contains) == true || key.map(keys.contains) == true
  }
}
