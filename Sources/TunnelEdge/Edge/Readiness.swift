import Store
import Synchronization

/// Whether the edge welcomes requests: not before both doors are open, not while it drains, and not while it cannot say whose
/// session lives.
package final class Readiness: Sendable {
  private struct State {
    var isOpen = false
    var store = StoreHealth.Standing.well
  }

  private let state = Mutex(State())

  package var isReady: Bool {
    get { state.withLock { $0.isOpen && $0.store != .lost } }
    set { state.withLock { $0.isOpen = newValue } }
  }

  package var storeStanding: StoreHealth.Standing {
    get { state.withLock { $0.store } }
    set { state.withLock { $0.store = newValue } }
  }

  /// What `/readyz` adds; empty while all is well.
  package var note: String {
    switch storeStanding {
    case .well: ""
    case .failing: "the store fails\n"
    case .closedToSignIns: "the store fails: nobody new is signed in\n"
    case .lost: "the store is lost: requests of people who are signed in get 503\n"
    }
  }
}
