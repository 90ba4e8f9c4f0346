import PlainText
import Policy

/// One visitor's request through a tunnel, as its publisher may see it. All text is printable (security rule 34), and a
/// query never gets here: it may hold secrets.
package struct TrafficRecord: Sendable, Equatable, Identifiable {
  /// Counts up in the order in which the requests came.
  package let id: UInt64
  package let bindingID: BindingID
  package let startedAt: UnixTime
  /// The name shown for a signed-in visitor, the address of another.
  package let visitor: String
  package let method: String
  package let host: String
  package let path: String
  package var progress = TrafficProgress()
  package var ending: TrafficEnding?

  package init(id: UInt64, bindingID: BindingID, _ request: TrafficRequest) {
    self.id = id
    self.bindingID = bindingID
    startedAt = request.startedAt
    visitor = request.visitor.printable(limit: 128)
    method = request.method.printable(limit: 16)
    host = request.host.printable(limit: 256)
    let query = request.path.utf8.firstIndex(of: UInt8(ascii: "?"))
    path = String(request.path[..<(query ?? request.path.endIndex)]).printable(limit: 320)
  }

  /// Answered with 500 or above, or not at all though the visitor waited.
  package var isError: Bool {
    guard let ending else { return false }
    return progress.status == 0 ? ending.detail != "visitor_left" : progress.status >= 500
  }
}

/// What is known when a request has found its tunnel; texts as the visitor wrote them.
package struct TrafficRequest: Sendable {
  package var startedAt: UnixTime
  package var visitor: String
  package var method: String
  package var host: String
  package var path: String

  package init(startedAt: UnixTime, visitor: String, method: String, host: String, path: String) {
    self.startedAt = startedAt
    self.visitor = visitor
    self.method = method
    self.host = host
    self.path = path
  }
}

/// How far a request has come.
package struct TrafficProgress: Sendable, Equatable {
  /// 0 while there is none.
  package var status = 0
  /// From the visitor; of bodies.
  package var bytesIn: UInt64 = 0
  package var bytesOut: UInt64 = 0
  /// WebSocket and the like.
  package var isUpgraded = false

  package init() {}

  package init(status: Int, bytesIn: UInt64, bytesOut: UInt64, isUpgraded: Bool) {
    self.status = status
    self.bytesIn = bytesIn
    self.bytesOut = bytesOut
    self.isUpgraded = isUpgraded
  }
}

package struct TrafficEnding: Sendable, Equatable {
  package var durationMilliseconds: Int64
  /// As in the access log: `via_upstream`, or the name of what went wrong.
  package var detail: String

  package init(durationMilliseconds: Int64, detail: String) {
    self.durationMilliseconds = durationMilliseconds
    self.detail = detail
  }
}

package struct TrafficTotals: Sendable, Equatable {
  package var requests: UInt64 = 0
  /// See `TrafficRecord.isError`.
  package var errors: UInt64 = 0
  package var bytesIn: UInt64 = 0
  package var bytesOut: UInt64 = 0

  package init() {}

  package init(requests: UInt64, errors: UInt64, bytesIn: UInt64, bytesOut: UInt64) {
    self.requests = requests
    self.errors = errors
    self.bytesIn = bytesIn
    self.bytesOut = bytesOut
  }

  package static func + (left: TrafficTotals, right: TrafficTotals) -> TrafficTotals {
    var sum = left
    sum.requests &+= right.requests
    sum.errors &+= right.errors
    sum.bytesIn &+= right.bytesIn
    sum.bytesOut &+= right.bytesOut
    return sum
  }
}

/// What a screen draws: a copy, as of when it was asked for.
package struct TrafficSnapshot: Sendable, Equatable {
  /// When counting began.
  package var since: UnixTime
  /// Running and ended ones, newest first.
  package var requests: [TrafficRecord] = []
  package var running = 0
  /// In the order in which they ended, the last of them last; older ones are not kept.
  package var ended: [TrafficRecord] = []
  /// How many have ended, those that are not kept included.
  package var endedCount: UInt64 = 0
  package var totals: [BindingID: TrafficTotals] = [:]
  /// People and addresses that were seen in the last minute.
  package var visitors = 0

  package init(since: UnixTime) { self.since = since }

  package var total: TrafficTotals { totals.values.reduce(TrafficTotals(), +) }
}
