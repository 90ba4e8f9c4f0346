import Policy
import Routing
import Testing

@testable import HTTPProxy

struct TargetBalancerTests {
  private static func balancer(
    _ policy: BalancePolicy?, _ weights: [Int], isChecked: Bool = false, panic: Int = 50
  ) throws -> TargetBalancer {
    let targets = weights.enumerated().map {
      RouteTarget(scheme: .http, host: "10.0.0.\($0.offset)", port: 80, portIsExplicit: true, weight: $0.element)
    }
    var route = try TestEdge.route(targets: targets, isTunnel: false)
    route.balance.policy = policy
    route.balance.panicThreshold = panic
    if isChecked { route.balance.healthChecks = [HealthCheck(.tcp(send: [], receive: []))] }
    return TargetBalancer(route: route, members: UpstreamMembers().members(of: route))
  }

  private static func counts(_ balancer: TargetBalancer, _ visits: Int, excluding: Int? = nil) -> [Int] {
    var counts = balancer.members.map { _ in 0 }
    for visit in 0..<visits {
      if let place = balancer.choose(visitor: "v\(visit)", excluding: excluding) { counts[place] += 1 }
    }
    return counts
  }

  @Test func `weights are kept to, and turns are the usual policy`() throws {
    #expect(Self.counts(try Self.balancer(nil, [3, 1]), 40) == [30, 10])
    #expect(Self.counts(try Self.balancer(.roundRobin, [1]), 5) == [5])
    #expect(try Self.balancer(nil, []).choose(visitor: "v", excluding: nil) == nil)
  }

  @Test func `who failed the request is not asked again`() throws {
    for policy in [BalancePolicy.roundRobin, .leastRequest, .random, .ringHash, .maglev] {
      #expect(Self.counts(try Self.balancer(policy, [1, 1, 1]), 30, excluding: 1)[1] == 0)
    }
    #expect(try Self.balancer(nil, [1]).choose(visitor: "v", excluding: 0) == nil)
  }

  @Test func `requests under way count on all loops`() throws {
    let route = try TestEdge.route(
      targets: [1, 2].map { RouteTarget(scheme: .http, host: "h\($0)", port: 80, portIsExplicit: true) },
      isTunnel: false)
    let members = UpstreamMembers()
    let first = members.members(of: route)
    let second = members.members(of: route)
    #expect(first[0] === second[0] && first[1] === second[1])
    var busy = route
    busy.balance.policy = .leastRequest
    let balancer = TargetBalancer(route: busy, members: second)
    for _ in 0..<3 { first[0].counters.requestBegan() }
    #expect((0..<5).allSatisfy { balancer.choose(visitor: "v\($0)", excluding: nil) == 1 })
  }

  @Test func `unhealthy ones are left out, unless too many are`() throws {
    let balancer = try Self.balancer(.roundRobin, [1, 1, 1], isChecked: true)
    for member in balancer.members { member.health.set(.healthy) }
    balancer.members[0].health.set(.unhealthy)
    #expect(Self.counts(balancer, 10) == [0, 5, 5])
    balancer.members[1].health.set(.unhealthy)
    #expect(Self.counts(balancer, 9) == [3, 3, 3])
    let strict = try Self.balancer(.roundRobin, [1, 1], isChecked: true, panic: 0)
    for member in strict.members { member.health.set(.unhealthy) }
    #expect(strict.choose(visitor: "v", excluding: nil) == nil)
  }

  @Test func `a visitor stays with an address`() throws {
    for policy in [BalancePolicy.ringHash, .maglev] {
      let one = try Self.balancer(policy, [1, 1, 1, 1])
      let other = try Self.balancer(policy, [1, 1, 1, 1])
      let places = (0..<100).map { one.choose(visitor: "s\($0)", excluding: nil) }
      #expect(places == (0..<100).map { other.choose(visitor: "s\($0)", excluding: nil) })
      #expect(Set(places).count == 4)
    }
  }
}
