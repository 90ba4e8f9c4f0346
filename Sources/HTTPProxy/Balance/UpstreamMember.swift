import Routing
import Synchronization

/// What all loops know of one address of a route's `to`.
package final class UpstreamMember: Sendable {
  package let counters = BindingCounters()
  package let health = MemberHealth()
}

/// The addresses of all routes that are dialled. Those of routes that are gone are forgotten with the last loop that uses
/// them.
final class UpstreamMembers: Sendable {
  private struct Key: Hashable {
    var route: RouteID
    var place: Int
    var target: RouteTarget
  }

  private struct Weak: Sendable {
    weak let member: UpstreamMember?
  }

  private let known = Mutex<[Key: Weak]>([:])

  /// In the order of `to`, the same for every loop.
  func members(of route: Route) -> [UpstreamMember] {
    known.withLock { known in
      known = known.filter { $0.value.member != nil }
      return route.targets.enumerated().map { place, target in
        let key = Key(route: route.id, place: place, target: target)
        if let member = known[key]?.member { return member }
        let member = UpstreamMember()
        known[key] = Weak(member: member)
        return member
      }
    }
  }
}
