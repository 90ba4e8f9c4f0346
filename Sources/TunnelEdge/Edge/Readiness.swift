import Synchronization

/// Whether the edge welcomes requests: not before both doors are open, and not while it drains.
package final class Readiness: Sendable {
  private let flag = Atomic<Bool>(false)

  package var isReady: Bool {
    get { flag.load(ordering: .relaxed) }
    set { flag.store(newValue, ordering: .relaxed) }
  }
}
