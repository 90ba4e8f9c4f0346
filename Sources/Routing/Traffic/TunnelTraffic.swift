import Policy
import Synchronization

/// What visitors do through the tunnels of one connection, for a publisher who looks.
///
/// Requests are told on the visitors' loops, the screen reads on its own. While nobody looks, a request costs one relaxed
/// load and nothing is kept. A reader is woken once and not again until it has read: however many requests come, they cost
/// it one hop a frame.
package final class TunnelTraffic: Sendable {
  private struct Watch {
    var log: TrafficLog
    let wake: @Sendable () -> Void
    var isWoken = false
  }

  private struct State {
    var watch: Watch?
    /// Numbers are never given twice, so that what was told to one watch cannot be taken for a request of the next.
    var nextID: UInt64 = 1
  }

  private let watched = Atomic<Bool>(false)
  private let state = Mutex(State())

  package init() {}

  package var isWatched: Bool { watched.load(ordering: .relaxed) }

  // MARK: Who looks

  /// Begins to keep what happens. `wake` is called from any thread, at most once before each `snapshot`.
  package func watch(since now: UnixTime, wake: @escaping @Sendable () -> Void) {
    state.withLock {
      $0.nextID = $0.watch?.log.nextID ?? $0.nextID
      $0.watch = Watch(log: TrafficLog(since: now, firstID: $0.nextID), wake: wake)
    }
    watched.store(true, ordering: .relaxed)
  }

  /// Forgets everything.
  package func unwatch() {
    watched.store(false, ordering: .relaxed)
    state.withLock {
      $0.nextID = $0.watch?.log.nextID ?? $0.nextID
      $0.watch = nil
    }
  }

  package func snapshot(now: UnixTime) -> TrafficSnapshot? {
    state.withLock {
      $0.watch?.isWoken = false
      return $0.watch?.log.snapshot(now: now)
    }
  }

  // MARK: Who tells

  /// A request has found its tunnel. `nil` when nobody looks.
  package func begin(_ binding: BindingID, _ request: @autoclosure () -> TrafficRequest) -> TrafficEntry? {
    guard isWatched else { return nil }
    let request = request()
    var entry: TrafficEntry?
    change { entry = TrafficEntry($0.begin(request, on: binding), in: self) }
    return entry
  }

  fileprivate func change(_ body: (inout TrafficLog) -> Void) {
    let wake: (@Sendable () -> Void)? = state.withLock { state in
      guard var watch = state.watch else { return nil }
      // Taken out and put back, so that the log is changed in place.
      state.watch = nil
      body(&watch.log)
      let isFirst = !watch.isWoken
      watch.isWoken = true
      state.watch = watch
      return isFirst ? watch.wake : nil
    }
    wake?()
  }
}

/// A request that is being told of; ended or withdrawn once.
package final class TrafficEntry: Sendable {
  private let record: TrafficRecord
  private let traffic: TunnelTraffic

  fileprivate init(_ record: TrafficRecord, in traffic: TunnelTraffic) {
    self.record = record
    self.traffic = traffic
  }

  package var bindingID: BindingID { record.bindingID }

  package func progressed(_ progress: TrafficProgress) {
    guard traffic.isWatched else { return }
    traffic.change { $0.progress(record.id, progress) }
  }

  package func ended(_ progress: TrafficProgress, _ ending: TrafficEnding) {
    guard traffic.isWatched else { return }
    var record = record
    record.progress = progress
    record.ending = ending
    let time = UnixTime(
      milliseconds: record.startedAt.milliseconds.addingReportingOverflow(ending.durationMilliseconds).partialValue)
    traffic.change { $0.end(record, at: time) }
  }

  package func withdrawn() {
    guard traffic.isWatched else { return }
    traffic.change { $0.withdraw(record) }
  }
}
