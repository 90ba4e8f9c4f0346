import EdgeCrypto
import Routing

/// What the front door has done since the start, for whoever watches the edge.
package struct HTTPCounts: Sendable, Equatable {
  /// Requests of each route that is in force.
  package var routes: [RouteID: RequestCounts] = [:]
  /// Requests that belong to no route: our own pages, sign-ins, hosts and paths that are not served.
  package var own = RequestCounts()
  /// Of all requests but upgraded ones, which last as long as people like.
  package var durations = DurationHistogram()
  /// In the order of `VisitDecision.allCases`.
  package var decisions = [UInt64](repeating: 0, count: VisitDecision.allCases.count)
  package var handshakes: [HandshakeResult: UInt64] = [:]
  /// What was refused because of a limit, in the order of `VisitorLimit.allCases`.
  package var limits = [UInt64](repeating: 0, count: VisitorLimit.allCases.count)
  /// Visitors' connections, now.
  package var connections = 0
  /// Connections to services that wait for a request, now.
  package var idleUpstreams = 0

  package init() {}

  mutating func add(_ other: HTTPCounts) {
    routes.merge(other.routes) { $0.adding($1) }
    own = own.adding(other.own)
    durations.add(other.durations)
    for decision in VisitDecision.allCases { decisions[decision.rawValue] &+= other.decisions[decision.rawValue] }
    handshakes.merge(other.handshakes) { $0 &+ $1 }
    for limit in VisitorLimit.allCases { limits[limit.rawValue] &+= other.limits[limit.rawValue] }
    idleUpstreams += other.idleUpstreams
  }
}

/// Requests that are over.
package struct RequestCounts: Sendable, Equatable {
  /// By the first digit of the status; at 0 those that ended without a response.
  package private(set) var byClass: InlineArray<6, UInt64> = .init(repeating: 0)
  package private(set) var requestBytes: UInt64 = 0
  package private(set) var responseBytes: UInt64 = 0
  package private(set) var nanoseconds: UInt64 = 0

  package init() {}

  package mutating func ended(status: Int, bytesIn: UInt64, bytesOut: UInt64, nanoseconds: UInt64) {
    // RFC 9110 section 15: a status that nobody knows the class of is a 5xx.
    byClass[max(min(status / 100, 5), 0)] &+= 1
    requestBytes &+= bytesIn
    responseBytes &+= bytesOut
    self.nanoseconds &+= nanoseconds
  }

  func adding(_ other: RequestCounts) -> RequestCounts {
    var sum = self
    for index in byClass.indices { sum.byClass[index] &+= other.byClass[index] }
    sum.requestBytes &+= other.requestBytes
    sum.responseBytes &+= other.responseBytes
    sum.nanoseconds &+= other.nanoseconds
    return sum
  }

  package static func == (left: Self, right: Self) -> Bool {
    left.byClass.indices.allSatisfy { left.byClass[$0] == right.byClass[$0] }
      && left.requestBytes == right.requestBytes && left.responseBytes == right.responseBytes
      && left.nanoseconds == right.nanoseconds
  }
}

/// How long requests took, with the bounds that Prometheus' own clients use.
package struct DurationHistogram: Sendable, Equatable {
  /// Upper bounds in milliseconds; whatever took longer is in the last count.
  package static let bounds: [UInt64] = [5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000]

  /// One more than there are bounds; each counts its own range only.
  package private(set) var counts = [UInt64](repeating: 0, count: Self.bounds.count + 1)
  package private(set) var nanoseconds: UInt64 = 0

  package init() {}

  package mutating func add(nanoseconds added: UInt64) {
    nanoseconds &+= added
    var index = 0
    while index < Self.bounds.count, added > Self.bounds[index] * 1_000_000 { index += 1 }
    counts[index] &+= 1
  }

  mutating func add(_ other: DurationHistogram) {
    for index in counts.indices { counts[index] &+= other.counts[index] }
    nanoseconds &+= other.nanoseconds
  }
}

/// What a visitor's request for a route was told. A decision that is remembered counts for each request that rests on it.
package enum VisitDecision: Int, Sendable, CaseIterable {
  case allowed
  /// Nobody is signed in, and the policy wants somebody.
  case signIn
  case denied
  /// Sent by a page of another origin (security rule 18).
  case crossSite
}

package enum HandshakeResult: Sendable, Hashable {
  case complete(TLSVersion, isResumed: Bool)
  case failed
}
