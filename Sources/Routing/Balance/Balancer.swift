/// Chooses among members, by their places in a list that stays the same: when the list changes, another balancer is made.
/// A choice allocates nothing; who does not serve at the moment is left out by `isWanted` and keeps its place.
package struct Balancer: Sendable {
  package struct Member: Sendable, Hashable {
    /// Who it is, the same in every process and run: what stays with a visitor.
    package var key: UInt64
    /// At least 1.
    package var weight: Int

    package init(key: UInt64, weight: Int = 1) {
      self.key = key
      self.weight = max(weight, 1)
    }
  }

  package let policy: BalancePolicy
  package let members: [Member]
  /// Round robin: what each has gained in every round, less what its turns have cost.
  private var credits: [Int]
  /// Where equals begin to take turns.
  private var turn: Int
  private var random: SplitMix64
  private let ring: HashRing?
  private let table: MaglevTable?

  /// `turn`: of the balancer before, so that a change does not begin with the first again; any number without one.
  package init(_ policy: BalancePolicy, _ members: [Member], turn: Int = 0, seed: UInt64 = 0) {
    self.policy = policy
    self.members = members
    self.turn = turn
    credits = policy == .roundRobin ? members.map { _ in 0 } : []
    random = SplitMix64(state: seed)
    ring = policy == .ringHash ? HashRing(members) : nil
    table = policy == .maglev ? MaglevTable(members) : nil
    if policy == .roundRobin { startAt(turn) }
  }

  package var nextTurn: Int { turn }

  /// The place of a member, or `nil` where none is wanted. `visitor` is asked by sticky policies only, `load` by
  /// `leastRequest` only.
  package mutating func choose(
    visitor: () -> UInt64, isWanted: (Int) -> Bool, load: (Int) -> Int
  ) -> Int? {
    switch policy {
    case .roundRobin: return nextInTurn(isWanted)
    case .leastRequest: return leastBusy(isWanted, load)
    case .random: return anyone(isWanted)
    case .ringHash: return ring?.member(of: visitor(), where: isWanted)
    case .maglev: return table?.member(of: visitor(), where: isWanted)
    case .failover: return members.indices.first(where: isWanted)
    }
  }

  /// With equal weights the member at this turn is the next.
  private mutating func startAt(_ turn: Int) {
    guard !credits.isEmpty else { return }
    credits[Self.remainder(turn, credits.count)] = 1
  }

  /// Smooth weighted round robin, as nginx has it: each gains its weight in every round, and who has most goes.
  private mutating func nextInTurn(_ isWanted: (Int) -> Bool) -> Int? {
    var best: Int?
    var total = 0
    for index in members.indices where isWanted(index) {
      let weight = members[index].weight
      credits[index] += weight
      total += weight
      if best.map({ credits[index] > credits[$0] }) != false { best = index }
    }
    guard let best else { return nil }
    credits[best] -= total
    turn = best &+ 1
    return best
  }

  private mutating func leastBusy(_ isWanted: (Int) -> Bool, _ load: (Int) -> Int) -> Int? {
    guard !members.isEmpty else { return nil }
    let start = Self.remainder(turn, members.count)
    turn = start + 1
    var best: (load: Int, index: Int)?
    for distance in members.indices {
      let index = Self.remainder(start + distance, members.count)
      guard isWanted(index) else { continue }
      let present = max(load(index), 0)
      // present / weight < best / weight, without division.
      let isLess = best.map {
        (present + 1).multipliedReportingOverflow(by: members[$0.index].weight).partialValue
          < ($0.load + 1).multipliedReportingOverflow(by: members[index].weight).partialValue
      }
      if isLess != false { best = (present, index) }
    }
    return best?.index
  }

  private mutating func anyone(_ isWanted: (Int) -> Bool) -> Int? {
    var total: UInt64 = 0
    for index in members.indices where isWanted(index) { total += UInt64(members[index].weight) }
    guard total > 0 else { return nil }
    var left = random.next(below: total)
    for index in members.indices where isWanted(index) {
      let weight = UInt64(members[index].weight)
      if left < weight { return index }
      left -= weight
    }
    return nil
  }

  /// The key of a member that is known by its text; `ordinal` tells equal ones apart.
  package static func key(_ text: String, _ ordinal: Int = 1) -> UInt64 {
    StableHash.mixed(StableHash(text).value, UInt64(clamping: ordinal))
  }

  /// Where a visitor belongs.
  package static func hash(visitor: String) -> UInt64 { StableHash.mixed(StableHash(visitor).value, 0) }

  private static func remainder(_ number: Int, _ count: Int) -> Int { Int(UInt(bitPattern: number) % UInt(count)) }
}

/// Steele, Lea, Flood: "Fast splittable pseudorandom number generators" (2014). Who can guess it gains nothing.
struct SplitMix64: Sendable {
  private var state: UInt64

  init(state: UInt64) { self.state = state }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    return StableHash.mixed(state, 0)
  }

  /// Evenly, for bounds far below 2^64.
  mutating func next(below bound: UInt64) -> UInt64 { next().multipliedFullWidth(by: bound).high }
}
