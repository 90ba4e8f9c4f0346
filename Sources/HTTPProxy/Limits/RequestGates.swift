import Routing
import Synchronization

/// The gates of the routes that have limits. Asked when a loop prepares a route, not for each request.
final class RequestGates: Sendable {
  private let gates = Mutex<[RouteID: RequestGate]>([:])

  /// `nil` for a route without limits.
  func gate(of route: Route) -> RequestGate? {
    let limits = route.http.limits
    guard !limits.visitor.isUnlimited || !limits.route.isUnlimited else { return nil }
    return gates.withLock { gates in
      if let known = gates[route.id] {
        known.configure(limits)
        return known
      }
      let gate = RequestGate(limits)
      gates[route.id] = gate
      return gate
    }
  }

  /// Routes of the past do not stay.
  func keepOnly(_ table: RouteTable) {
    gates.withLock { gates in
      guard !gates.isEmpty else { return }
      let live = Set(table.routes.map(\.id))
      gates = gates.filter { live.contains($0.key) }
    }
  }
}
