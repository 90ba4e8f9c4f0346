import Foundation
import Synchronization
import TestSupport

/// What happened so far, and a way to wait for what has not happened yet.
final class EventLog<Value: Sendable>: Sendable {
  private struct Waiter {
    let id: UUID
    let isWanted: @Sendable (Value) -> Bool
    let continuation: CheckedContinuation<Value, any Error>
  }

  private struct State {
    var values: [Value] = []
    var waiters: [Waiter] = []
  }

  private let state = Mutex(State())

  var values: [Value] { state.withLock { $0.values } }

  func append(_ value: Value) {
    let ready = state.withLock { state in
      state.values.append(value)
      let ready = state.waiters.filter { $0.isWanted(value) }
      state.waiters.removeAll { waiter in ready.contains { $0.id == waiter.id } }
      return ready
    }
    for waiter in ready { waiter.continuation.resume(returning: value) }
  }

  /// The first such value, past or to come. The limit only ends a test that would hang.
  @discardableResult
  func first(within seconds: Double = 60, where isWanted: @escaping @Sendable (Value) -> Bool) async throws -> Value {
    let id = UUID()
    let limit = Task {
      try await Task.sleep(for: .seconds(seconds))
      let seen = values.map { "\($0)" }.suffix(20).joined(separator: "\n")
      state.withLock { state in
        let waiter = state.waiters.first { $0.id == id }
        state.waiters.removeAll { $0.id == id }
        return waiter
      }?.continuation.resume(throwing: TimedOut("not seen among:\n\(seen)"))
    }
    defer { limit.cancel() }
    return try await withCheckedThrowingContinuation { continuation in
      let found = state.withLock { state -> Value? in
        if let value = state.values.first(where: isWanted) { return value }
        state.waiters.append(Waiter(id: id, isWanted: isWanted, continuation: continuation))
        return nil
      }
      if let found { continuation.resume(returning: found) }
    }
  }
}
