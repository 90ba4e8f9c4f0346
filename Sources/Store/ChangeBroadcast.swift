import Synchronization

/// Tells every watcher what changed. Nothing is left out, however far one falls behind: a deletion that nobody hears of is a
/// session that lives on. What waits is bounded by what the store holds and can write.
final class ChangeBroadcast: Sendable {
  private struct Watchers {
    var next = 0
    var byID: [Int: AsyncStream<RecordChange>.Continuation] = [:]
    var isClosed = false
  }

  private let watchers = Mutex(Watchers())

  func subscribe() -> AsyncStream<RecordChange> {
    let (stream, continuation) = AsyncStream.makeStream(of: RecordChange.self, bufferingPolicy: .unbounded)
    let id: Int? = watchers.withLock { watchers in
      if watchers.isClosed { return nil }
      watchers.next += 1
      watchers.byID[watchers.next] = continuation
      return watchers.next
    }
    guard let id else {
      continuation.finish()
      return stream
    }
    continuation.onTermination = { [weak self] _ in
      _ = self?.watchers.withLock { $0.byID.removeValue(forKey: id) }
    }
    return stream
  }

  func send(_ change: RecordChange) {
    let all = watchers.withLock { Array($0.byID.values) }
    for continuation in all { continuation.yield(change) }
  }

  func close() {
    let all = watchers.withLock { watchers in
      watchers.isClosed = true
      let all = Array(watchers.byID.values)
      watchers.byID = [:]
      return all
    }
    for continuation in all { continuation.finish() }
  }
}
