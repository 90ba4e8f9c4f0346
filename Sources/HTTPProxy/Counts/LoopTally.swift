import Routing

/// What one event loop counts. Used on that loop only, so a count costs an addition; whoever wants the sum comes here.
final class LoopTally {
  let own = RequestTally()
  private var routes: [RouteID: RequestTally] = [:]
  private var durations = DurationHistogram()
  private var decisions = [UInt64](repeating: 0, count: VisitDecision.allCases.count)
  private var handshakes: [HandshakeResult: UInt64] = [:]
  private var limits = [UInt64](repeating: 0, count: VisitorLimit.allCases.count)

  /// Asked once for each route and configuration; plans keep it.
  func requests(of route: RouteID) -> RequestTally {
    if let known = routes[route] { return known }
    let tally = RequestTally()
    routes[route] = tally
    return tally
  }

  /// Routes of the past do not stay.
  func keepOnly(_ table: RouteTable) {
    guard !routes.isEmpty else { return }
    let live = Set(table.routes.map(\.id))
    routes = routes.filter { live.contains($0.key) }
  }

  func ended(_ exchange: Exchange, nanoseconds: UInt64) {
    let tally = exchange.plan?.tally ?? exchange.refusedRoute.map(requests(of:)) ?? own
    tally.counts.ended(
      status: exchange.status, bytesIn: exchange.bytesIn, bytesOut: exchange.bytesOut, nanoseconds: nanoseconds)
    if !exchange.isUpgraded { durations.add(nanoseconds: nanoseconds) }
  }

  func decided(_ decision: VisitDecision) { decisions[decision.rawValue] &+= 1 }

  func refused(_ limit: VisitorLimit) { limits[limit.rawValue] &+= 1 }

  /// Counts those refusals that are for a limit.
  func refused(_ refusal: VisitorRefusal) {
    if let limit = VisitorLimit(refusal) { refused(limit) }
  }

  func handshake(_ result: HandshakeResult) { handshakes[result, default: 0] &+= 1 }

  var counts: HTTPCounts {
    var counts = HTTPCounts()
    counts.routes = routes.mapValues(\.counts)
    counts.own = own.counts
    counts.durations = durations
    counts.decisions = decisions
    counts.handshakes = handshakes
    counts.limits = limits
    return counts
  }
}

/// The requests of one route on one loop.
final class RequestTally {
  var counts = RequestCounts()
}
