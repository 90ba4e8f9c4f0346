import Synchronization

/// Whether requests wait because what is behind an opener can hold no more streams. Read by those who keep streams of it
/// idle, on any loop: whoever waits needs them more.
package final class PlaceDemand: Sendable {
  private let waiting = Atomic<Int>(0)
  private let oldest = Atomic<UInt64>(.max)

  package init() {}

  package var isWaitedFor: Bool { waiting.load(ordering: .relaxed) > 0 }
  /// Since when the first in the queue waits, in nanoseconds of the monotonic clock; `.max`: nobody does.
  package var waitingSince: UInt64 { oldest.load(ordering: .relaxed) }

  package func update(waiting count: Int, since: UInt64?) {
    oldest.store(since ?? .max, ordering: .relaxed)
    waiting.store(count, ordering: .relaxed)
  }
}

/// What all loops together know of one opener.
package final class OpenerLoad: Sendable {
  package let demand: PlaceDemand
  private let kept = Atomic<Int>(0)

  package init(demand: PlaceDemand) { self.demand = demand }

  /// Streams of it that wait for their next request.
  package var keptStreams: Int { kept.load(ordering: .relaxed) }
  package func keep() { kept.wrappingAdd(1, ordering: .relaxed) }
  package func letGo() { kept.wrappingSubtract(1, ordering: .relaxed) }
}

/// Who opens a stream may lose interest while the open waits for a place.
package final class StreamClaim: Sendable {
  private struct State {
    var isWithdrawn = false
    var action: (@Sendable () -> Void)?
  }

  private let state = Mutex(State())

  package init() {}

  package func withdraw() {
    let action = state.withLock { state in
      state.isWithdrawn = true
      let action = state.action
      state.action = nil
      return action
    }
    action?()
  }

  /// Calls `action` once when it is withdrawn; at once when it has been.
  package func whenWithdrawn(_ action: @escaping @Sendable () -> Void) {
    let isOver = state.withLock { state in
      if !state.isWithdrawn { state.action = action }
      return state.isWithdrawn
    }
    if isOver { action() }
  }
}
