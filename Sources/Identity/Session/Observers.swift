import Synchronization

/// Those who want to hear of something. They are called off every lock, in the order of their registration.
final class Observers<Event: Sendable>: Sendable {
  typealias Observer = @Sendable (Event) -> Void

  private let observers = Mutex<[Observer]>([])

  func add(_ observer: @escaping Observer) { observers.withLock { $0.append(observer) } }

  func tell(_ events: some Sequence<Event>) {
    let all = observers.withLock { $0 }
    for event in events {
      for observer in all { observer(event) }
    }
  }
}
