import Synchronization

/// What went through one binding.
package final class BindingCounters: Sendable {
  private let requests = Atomic<Int>(0)
  private let open = Atomic<Int>(0)
  private let total = Atomic<UInt64>(0)
  private let toPublisher = Atomic<UInt64>(0)
  private let fromPublisher = Atomic<UInt64>(0)

  package init() {}

  /// Visitors' requests under way, streams that outlive a request among them; channels that wait for one are not.
  package var openRequests: Int { requests.load(ordering: .relaxed) }
  package var openStreams: Int { open.load(ordering: .relaxed) }
  package var totalStreams: UInt64 { total.load(ordering: .relaxed) }
  package var bytesToPublisher: UInt64 { toPublisher.load(ordering: .relaxed) }
  package var bytesFromPublisher: UInt64 { fromPublisher.load(ordering: .relaxed) }

  package func requestBegan() { requests.wrappingAdd(1, ordering: .relaxed) }
  package func requestEnded() { requests.wrappingSubtract(1, ordering: .relaxed) }
  package func streamOpened() {
    open.wrappingAdd(1, ordering: .relaxed)
    total.wrappingAdd(1, ordering: .relaxed)
  }
  package func streamClosed() { open.wrappingSubtract(1, ordering: .relaxed) }
  package func sent(_ bytes: Int) { toPublisher.wrappingAdd(UInt64(clamping: bytes), ordering: .relaxed) }
  package func received(_ bytes: Int) { fromPublisher.wrappingAdd(UInt64(clamping: bytes), ordering: .relaxed) }
}
