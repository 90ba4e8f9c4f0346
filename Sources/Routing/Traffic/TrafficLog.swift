import DequeModule
import Policy

/// What `TunnelTraffic` keeps while somebody looks; everything in it is bounded.
struct TrafficLog {
  /// Ended requests that are kept, running ones that are listed, visitors that are told apart.
  static let keptRequests = 256
  static let listedRunning = 256
  static let toldVisitors = 1024
  /// How long somebody counts as being there, in seconds.
  static let presence: Int64 = 60

  let since: UnixTime
  private var running: [UInt64: TrafficRecord] = [:]
  private var runningCount = 0
  private var ended = Deque<TrafficRecord>()
  private var endedCount: UInt64 = 0
  private var totals: [BindingID: TrafficTotals] = [:]
  private var lastSeen: [String: UnixTime] = [:]
  private let firstID: UInt64
  private(set) var nextID: UInt64

  init(since: UnixTime, firstID: UInt64 = 1) {
    self.since = since
    self.firstID = firstID
    nextID = firstID
  }

  mutating func begin(_ request: TrafficRequest, on binding: BindingID) -> TrafficRecord {
    let record = TrafficRecord(id: nextID, bindingID: binding, request)
    nextID += 1
    runningCount += 1
    totals[binding, default: TrafficTotals()].requests &+= 1
    if running.count < Self.listedRunning { running[record.id] = record }
    note(record.visitor, at: record.startedAt)
    return record
  }

  mutating func progress(_ id: UInt64, _ progress: TrafficProgress) { running[id]?.progress = progress }

  mutating func end(_ record: TrafficRecord, at time: UnixTime) {
    guard record.id >= firstID else { return }
    running[record.id] = nil
    runningCount = max(0, runningCount - 1)
    var sum = totals[record.bindingID] ?? TrafficTotals()
    if record.isError { sum.errors &+= 1 }
    sum.bytesIn &+= record.progress.bytesIn
    sum.bytesOut &+= record.progress.bytesOut
    totals[record.bindingID] = sum
    if ended.count >= Self.keptRequests { ended.removeFirst() }
    ended.append(record)
    endedCount &+= 1
    note(record.visitor, at: time)
  }

  /// The request goes on through another tunnel: it was none of this one's.
  mutating func withdraw(_ record: TrafficRecord) {
    guard record.id >= firstID else { return }
    running[record.id] = nil
    runningCount = max(0, runningCount - 1)
    if let requests = totals[record.bindingID]?.requests, requests > 0 {
      totals[record.bindingID]?.requests = requests - 1
    }
  }

  mutating func snapshot(now: UnixTime) -> TrafficSnapshot {
    forgetVisitors(now)
    for record in running.values { lastSeen[record.visitor] = now }
    var result = TrafficSnapshot(since: since)
    result.requests = (Array(running.values) + ended).sorted { $0.id > $1.id }
    result.running = runningCount
    result.ended = Array(ended)
    result.endedCount = endedCount
    result.totals = totals
    result.visitors = lastSeen.count
    return result
  }

  private mutating func note(_ visitor: String, at time: UnixTime) {
    if lastSeen[visitor] == nil, lastSeen.count >= Self.toldVisitors {
      forgetVisitors(time)
      guard lastSeen.count < Self.toldVisitors else { return }
    }
    lastSeen[visitor] = time
  }

  private mutating func forgetVisitors(_ now: UnixTime) {
    let oldest = now.adding(seconds: -Self.presence)
    lastSeen = lastSeen.filter { $0.value > oldest }
  }
}
