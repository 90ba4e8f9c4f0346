import Policy
import Store
import Synchronization

/// A store that does what it is told: works, or fails.
package final class FragileStore: StoreDouble {
  package let store: MemoryStore
  private let broken = Atomic(false)
  private let counted = Atomic(0)
  private let proved = Atomic(0)

  package init(clock: @escaping UnixClock) { store = MemoryStore(clock: clock) }

  package var isBroken: Bool {
    get { broken.load(ordering: .relaxed) }
    set { broken.store(newValue, ordering: .relaxed) }
  }

  /// Calls that reached it, polls aside.
  package var calls: Int { counted.load(ordering: .relaxed) }
  /// Polls that were to prove that it can be written.
  package var proofs: Int { proved.load(ordering: .relaxed) }

  package func before(_ call: StoreCall) async throws(StoreError) {
    switch call {
    case .poll(let writes): if writes { proved.wrappingAdd(1, ordering: .relaxed) }
    case .record, .put, .delete, .records, .removeExpired: counted.wrappingAdd(1, ordering: .relaxed)
    }
    if isBroken { throw StoreError(.inaccessible, "disk full") }
  }
}
