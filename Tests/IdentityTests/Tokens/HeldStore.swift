import Store
import StoreDoubles
import Synchronization

/// A store whose writes wait while it is told to hold them.
final class HeldStore: StoreDouble {
  private struct State {
    var isHolding = false
    var arrived = 0
    var waiting: [CheckedContinuation<Void, Never>] = []
    var watcher: (count: Int, resume: CheckedContinuation<Void, Never>)?
  }

  let store: MemoryStore
  private let state = Mutex(State())

  init(_ store: MemoryStore) { self.store = store }

  func hold() { state.withLock { $0.isHolding = true } }

  /// One more has come to its end, or waits.
  func arrive() {
    let watcher = state.withLock { state -> CheckedContinuation<Void, Never>? in
      state.arrived += 1
      guard let watcher = state.watcher, state.arrived >= watcher.count else { return nil }
      state.watcher = nil
      return watcher.resume
    }
    watcher?.resume()
  }

  /// Lets the writes go on when so many have arrived.
  func letGo(after count: Int) async {
    await withCheckedContinuation { continuation in
      let isThere = state.withLock { state -> Bool in
        if state.arrived >= count { return true }
        state.watcher = (count, continuation)
        return false
      }
      if isThere { continuation.resume() }
    }
    let waiting = state.withLock { state in
      defer { state.waiting = [] }
      state.isHolding = false
      return state.waiting
    }
    for continuation in waiting { continuation.resume() }
  }

  func before(_ call: StoreCall) async throws(StoreError) {
    guard case .put = call else { return }
    await withCheckedContinuation { continuation in
      let isHeld = state.withLock { state in
        if state.isHolding { state.waiting.append(continuation) }
        return state.isHolding
      }
      if isHeld { arrive() } else { continuation.resume() }
    }
  }
}
