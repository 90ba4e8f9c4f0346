/// The lookup table of Maglev (Eisenbud et al., NSDI 2016, section 3.4): every member claims places in an order of its own,
/// by turns, until all are taken.
struct MaglevTable: Sendable {
  /// Primes; about a hundred places for each member keep shares within a per cent or two of each other.
  private static let sizes = [1021, 4093, 16_381, 65_537]
  /// Where a member that does not serve had the place, so many others are tried before everybody is.
  private static let attempts: UInt64 = 16

  private let places: [UInt32]
  private let count: Int

  init(_ members: [Balancer.Member]) {
    count = members.count
    guard !members.isEmpty else {
      places = []
      return
    }
    let size = Self.sizes.first { $0 >= members.count * 100 } ?? Self.sizes[Self.sizes.count - 1]
    let largest = members.reduce(1) { max($0, $1.weight) }
    var places = [UInt32](repeating: .max, count: size)
    var orders = members.map { member in
      (
        offset: Int(StableHash.mixed(member.key, 1) % UInt64(size)),
        skip: Int(StableHash.mixed(member.key, 2) % UInt64(size - 1)) + 1, next: 0, share: 0.0
      )
    }
    // Whose turn is first depends on the members alone, not on the order they are listed in.
    let turns = members.indices.sorted { members[$0].key < members[$1].key }
    var taken = 0
    while taken < size {
      for index in turns where taken < size {
        // A lighter member sits out some rounds.
        orders[index].share += Double(members[index].weight) / Double(largest)
        guard orders[index].share >= 1 else { continue }
        orders[index].share -= 1
        var place = (orders[index].offset + orders[index].next * orders[index].skip) % size
        while places[place] != .max {
          orders[index].next += 1
          place = (orders[index].offset + orders[index].next * orders[index].skip) % size
        }
        places[place] = UInt32(clamping: index)
        orders[index].next += 1
        taken += 1
      }
    }
    self.places = places
  }

  func member(of visitor: UInt64, where isWanted: (Int) -> Bool) -> Int? {
    guard !places.isEmpty else { return nil }
    for attempt in 0..<Self.attempts {
      let hash = attempt == 0 ? visitor : StableHash.mixed(visitor, attempt)
      let member = Int(places[Int(hash % UInt64(places.count))])
      if isWanted(member) { return member }
    }
    let start = Int(visitor % UInt64(count))
    for distance in 0..<count {
      let member = (start + distance) % count
      if isWanted(member) { return member }
    }
    return nil
  }
}
