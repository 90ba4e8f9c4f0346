/// Consistent hashing: each member has points on a ring, and a visitor belongs to the next point. Without a member its
/// visitors go to the points that follow theirs, and nobody else moves.
struct HashRing: Sendable {
  /// Points of a member with weight 1: shares differ by some per cent then.
  static let pointsPerWeight = 256
  /// In all; large weights and many members share them.
  static let mostPoints = 65_536

  private let points: [(position: UInt64, member: UInt32)]

  init(_ members: [Balancer.Member]) {
    let divisor = members.reduce(0) { Self.divisor($0, $1.weight) }
    let weights = members.map { Double($0.weight / max(divisor, 1)) }
    let each = min(Double(Self.pointsPerWeight), Double(Self.mostPoints) / max(weights.reduce(0, +), 1))
    var points: [(position: UInt64, member: UInt32)] = []
    for (index, weight) in weights.enumerated() {
      for point in 0..<max(Int(weight * each), 1) {
        points.append((StableHash.mixed(members[index].key, UInt64(point) &+ 1), UInt32(clamping: index)))
      }
    }
    points.sort { ($0.position, $0.member) < ($1.position, $1.member) }
    self.points = points
  }

  func member(of visitor: UInt64, where isWanted: (Int) -> Bool) -> Int? {
    guard !points.isEmpty else { return nil }
    let start = firstPoint(from: visitor)
    for distance in points.indices {
      let index = start + distance
      let member = Int(points[index < points.count ? index : index - points.count].member)
      if isWanted(member) { return member }
    }
    return nil
  }

  /// The first point at or behind this position, which may be behind the last: then it is the first of all.
  private func firstPoint(from position: UInt64) -> Int {
    var low = 0
    var high = points.count
    while low < high {
      let middle = low + (high - low) / 2
      if points[middle].position < position { low = middle + 1 } else { high = middle }
    }
    return low == points.count ? 0 : low
  }

  private static func divisor(_ left: Int, _ right: Int) -> Int {
    var (left, right) = (left, right)
    while right != 0 { (left, right) = (right, left % right) }
    return left
  }
}
