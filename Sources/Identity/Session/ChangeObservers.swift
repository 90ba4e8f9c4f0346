import Synchronization

/// Those who want to hear about changes. They are called off every lock, in the order of their registration.
final class ChangeObservers: Sendable {
  typealias Observer = @Sendable (SessionChange) -> Void

  private let observers = Mutex<[Observer]>([])

  func add(_ observer: @escaping Observer) { observers.withLock { $0.append(observer) } }

  func tell(_ changes: some Sequence<SessionChange>) {
    let all = observers.withLock { $0 }
    for change in changes {
      for observer in all { observer(change) }
    }
  }
}
