import Testing

@testable import Routing

struct BalancerTests {
  private static let policies: [BalancePolicy] = [
    .roundRobin, .leastRequest, .random, .ringHash, .maglev, .failover,
  ]

  private static func members(_ weights: [Int]) -> [Balancer.Member] {
    weights.enumerated().map { .init(key: Balancer.key("http://10.0.0.\($0.offset):80"), weight: $0.element) }
  }

  /// How often each was chosen by so many visitors.
  private static func shares(
    _ balancer: inout Balancer, visitors: Int, without: Set<Int> = [], load: (Int) -> Int = { _ in 0 }
  ) -> [Int] {
    var shares = [Int](repeating: 0, count: balancer.members.count)
    for visitor in 0..<visitors {
      let place = balancer.choose(
        visitor: { Balancer.hash(visitor: "session-\(visitor)") }, isWanted: { !without.contains($0) }, load: load)
      if let place { shares[place] += 1 }
    }
    return shares
  }

  @Test(arguments: policies)
  func `the wanted ones are chosen and nobody else`(_ policy: BalancePolicy) {
    var balancer = Balancer(policy, Self.members([1, 1, 1, 1, 1]), seed: 7)
    for visitor in 0..<2000 {
      let place = balancer.choose(
        visitor: { Balancer.hash(visitor: "\(visitor)") }, isWanted: { $0 == 1 || $0 == 4 }, load: { _ in 0 })
      #expect(place == 1 || place == 4)
    }
    #expect(balancer.choose(visitor: { 5 }, isWanted: { _ in false }, load: { _ in 0 }) == nil)
    #expect(balancer.choose(visitor: { 5 }, isWanted: { $0 == 3 }, load: { _ in 0 }) == 3)
    var empty = Balancer(policy, [])
    #expect(empty.choose(visitor: { 5 }, isWanted: { _ in true }, load: { _ in 0 }) == nil)
  }

  @Test(arguments: [BalancePolicy.roundRobin, .random, .ringHash, .maglev], [[1, 1, 1], [1, 2, 5], [3, 3, 3, 1]])
  func `shares are as the weights say`(_ policy: BalancePolicy, _ weights: [Int]) {
    var balancer = Balancer(policy, Self.members(weights), seed: 1)
    let count = 20_000
    let shares = Self.shares(&balancer, visitors: count)
    for (share, weight) in zip(shares, weights) {
      let expected = Double(count) * Double(weight) / Double(weights.reduce(0, +))
      let tolerance = policy == .roundRobin ? 0.001 : policy == .ringHash ? 0.25 : 0.08
      #expect(abs(Double(share) - expected) <= expected * tolerance, "\(policy) \(weights): \(shares)")
    }
  }

  @Test func `turns are spread evenly`() {
    var balancer = Balancer(.roundRobin, Self.members([5, 1, 1]))
    let turns = (0..<7).compactMap { _ in
      balancer.choose(visitor: { 0 }, isWanted: { _ in true }, load: { _ in 0 })
    }
    #expect(turns.count { $0 == 0 } == 5)
    // nginx's example: never five in a row.
    let runs = zip(turns, turns.dropFirst()).count { $0 == 0 && $1 == 0 }
    #expect(runs <= 3, "\(turns)")
  }

  @Test func `who has least to do for its weight is chosen, and equals take turns`() {
    var load = [4, 1, 3]
    var balancer = Balancer(.leastRequest, Self.members([1, 1, 1]))
    var chosen = [0, 0, 0]
    for _ in 0..<12 {
      guard let place = balancer.choose(visitor: { 0 }, isWanted: { _ in true }, load: { load[$0] }) else { continue }
      load[place] += 1
      chosen[place] += 1
    }
    #expect(load.allSatisfy { $0 == 6 || $0 == 7 }, "\(load)")
    var heavy = Balancer(.leastRequest, Self.members([3, 1]))
    var open = [0, 0]
    for _ in 0..<40 {
      if let place = heavy.choose(visitor: { 0 }, isWanted: { _ in true }, load: { open[$0] }) { open[place] += 1 }
    }
    #expect(open == [30, 10])
    var idle = Balancer(.leastRequest, Self.members([1, 1, 1, 1]))
    #expect(Self.shares(&idle, visitors: 40) == [10, 10, 10, 10])
  }

  /// Sticky choices depend on who comes and on who is there, on nothing else.
  private static func places(_ policy: BalancePolicy, _ members: [Balancer.Member], without: Set<Int> = []) -> [UInt64]
  {
    var balancer = Balancer(policy, members, seed: UInt64.random(in: 0 ... .max))
    return (0..<10_000).map { visitor in
      balancer.choose(
        visitor: { Balancer.hash(visitor: "session-\(visitor)") }, isWanted: { !without.contains($0) }, load: { _ in 0 }
      ).map { members[$0].key } ?? 0
    }
  }

  private static func moved(_ before: [UInt64], _ after: [UInt64], except key: UInt64) -> Int {
    zip(before, after).count { $0 != $1 && $0 != key && $1 != key }
  }

  @Test(arguments: [2, 3, 5, 12, 40])
  func `a ring moves nobody but the visitors of who leaves or comes`(_ count: Int) throws {
    let members = Self.members([Int](repeating: 1, count: count))
    let all = Self.places(.ringHash, members)
    #expect(all == Self.places(.ringHash, members))
    for leaving in [0, count / 2, count - 1] {
      var rest = members
      let gone = rest.remove(at: leaving)
      let after = Self.places(.ringHash, rest)
      #expect(Self.moved(all, after, except: gone.key) == 0)
      #expect(!after.contains(gone.key))
      // Whether it left the list or only does not serve is the same to its visitors.
      #expect(Self.places(.ringHash, members, without: [leaving]) == after)
    }
  }

  @Test(arguments: [2, 3, 5, 12, 40])
  func `maglev moves few others`(_ count: Int) throws {
    let members = Self.members([Int](repeating: 1, count: count))
    let all = Self.places(.maglev, members)
    #expect(all == Self.places(.maglev, members))
    for leaving in [0, count - 1] {
      var rest = members
      let gone = rest.remove(at: leaving)
      // The paper's figure 12: some per cent of the table.
      let moved = Self.moved(all, Self.places(.maglev, rest), except: gone.key)
      #expect(moved <= all.count / 5, "\(moved) of \(all.count) moved")
      // Who only does not serve for a while takes nobody else with it.
      #expect(Self.moved(all, Self.places(.maglev, members, without: [leaving]), except: gone.key) == 0)
    }
  }

  @Test(arguments: [BalancePolicy.ringHash, .maglev])
  func `weights of any size end`(_ policy: BalancePolicy) {
    var balancer = Balancer(policy, Self.members([1_000_000, 1, 500_000]))
    let shares = Self.shares(&balancer, visitors: 3000)
    #expect(shares[0] > shares[2] && shares[2] > shares[1], "\(shares)")
    var many = Balancer(policy, Self.members([Int](repeating: 100, count: 1500)))
    #expect(Self.shares(&many, visitors: 1000).reduce(0, +) == 1000)
  }
}

struct HealthCensusTests {
  private typealias Status = MemberHealth.Status

  @Test(arguments: [
    ([Status.healthy, .healthy, .unhealthy], 50, [true, true, false]),
    ([.healthy, .unhealthy], 50, [true, false]),
    // Too few are left to carry what all of them did.
    ([.healthy, .unhealthy, .unhealthy], 50, [true, true, true]),
    ([.healthy, .unhealthy, .unhealthy], 0, [true, false, false]),
    ([.unhealthy], 50, [true]),
    ([.unhealthy], 0, [false]),
    ([.unhealthy, .unhealthy], 0, [false, false]),
    // Who was not asked yet serves only where nobody is known to be well.
    ([.healthy, .unknown], 50, [true, false]),
    ([.unknown, .unhealthy], 50, [true, false]),
    ([.unknown, .unknown], 0, [true, true]),
    ([.unchecked, .unchecked], 100, [true, true]),
  ])
  private func `who may be chosen`(_ statuses: [Status], _ threshold: Int, _ expected: [Bool]) {
    var census = HealthCensus()
    for status in statuses { census.count(status) }
    let admitted = census.admitted(panicThreshold: threshold)
    #expect(statuses.map(admitted.admits) == expected)
  }
}
