import Routing

/// The choice among the addresses of a route's `to`, on one loop.
final class TargetBalancer {
  /// In the order of `to`.
  let members: [UpstreamMember]
  private let targets: [RouteTarget]
  private let panicThreshold: Int
  private let isChecked: Bool
  private var balancer: Balancer

  init(route: Route, members: [UpstreamMember]) {
    self.members = members
    targets = route.targets
    panicThreshold = route.balance.panicThreshold
    isChecked = route.tunnel == nil && !route.balance.healthChecks.isEmpty
    var seen: [RouteTarget: Int] = [:]
    let places = route.targets.map { target in
      // The same address twice has two shares.
      var plain = target
      plain.weight = 1
      seen[plain, default: 0] += 1
      return Balancer.Member(
        key: Balancer.key("\(target.scheme.rawValue)://\(target.host):\(target.port)\(target.path)", seen[plain] ?? 1),
        weight: target.weight)
    }
    balancer = Balancer(route.balance.policy ?? .roundRobin, places, seed: UInt64.random(in: 0 ... .max))
  }

  /// The place of the address for one request, or `nil` where every one is unhealthy. `excluding` has just failed it.
  func choose(visitor: String, excluding tried: Int?) -> Int? {
    guard targets.count > 1 else {
      guard let only = members.first, tried == nil, !isChecked || panicThreshold > 0 || only.health.status != .unhealthy
      else {
        return nil
      }
      return 0
    }
    let members = members
    guard isChecked else {
      return balancer.choose(
        visitor: { Balancer.hash(visitor: visitor) }, isWanted: { $0 != tried },
        load: { members[$0].counters.openRequests })
    }
    var census = HealthCensus()
    for member in members { census.count(member.health.status) }
    let admitted = census.admitted(panicThreshold: panicThreshold)
    return balancer.choose(
      visitor: { Balancer.hash(visitor: visitor) },
      isWanted: { $0 != tried && admitted.admits(members[$0].health.status) },
      load: { members[$0].counters.openRequests })
  }

  /// What a tunnel's client that asks for it is told to connect to: the tunnel is chosen otherwise, and checked as a whole.
  func any(visitor: String) -> RouteTarget? {
    guard targets.count > 1 else { return targets.first }
    let place = balancer.choose(
      visitor: { Balancer.hash(visitor: visitor) }, isWanted: { _ in true }, load: { _ in 0 })
    return place.map { targets[$0] }
  }
}
