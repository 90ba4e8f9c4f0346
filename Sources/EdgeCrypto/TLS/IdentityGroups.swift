/// Which identities answer together: for each name the first with each kind of key.
struct IdentityGroups {
  private let identities: [TLSIdentity]
  /// Names of certificates (lower case, wildcards as `*.name`), in the order they first appear.
  private(set) var byName: [(name: String, members: [Int])] = []
  /// Each combination once.
  private(set) var groups: [[Int]] = []

  init(_ identities: [TLSIdentity]) {
    self.identities = identities
    var places: [String: Int] = [:]
    for (index, identity) in identities.enumerated() {
      for name in identity.leaf.dnsNames {
        let place = places[name] ?? byName.count
        if place == byName.count {
          places[name] = place
          byName.append((name, []))
        }
        add(index, to: &byName[place].members)
      }
    }
  }

  /// The identity itself, and those with other kinds of key that are for all of its names.
  func members(like first: TLSIdentity) -> [Int] {
    var members: [Int] = []
    for (index, identity) in identities.enumerated()
    where Set(identity.leaf.dnsNames).isSuperset(of: first.leaf.dnsNames) { add(index, to: &members) }
    return members
  }

  mutating func index(of members: [Int]) -> Int {
    if let known = groups.firstIndex(of: members) { return known }
    groups.append(members)
    return groups.count - 1
  }

  private func add(_ index: Int, to members: inout [Int]) {
    let kind = identities[index].keyKind
    if !members.contains(where: { identities[$0].keyKind == kind }) { members.append(index) }
  }
}
