import Policy

/// The tunnels of one route under one name.
struct NameTunnels {
  struct Entry {
    var binding: Binding
    /// Its owner has bound the name again, or it let a visitor wait, and this connection has not yet proved that it lives.
    var isSuspect = false
    /// Which of its owner's places it has: who comes back takes the one that was left, and with it the visitors who stay
    /// with a tunnel.
    var slot = 0
  }

  /// Keeps a name for the person whose connection was lost.
  struct Lease {
    let person: Subject
    let until: UnixTime
    /// Whether that person may still publish.
    let isStillAllowed: @Sendable () -> Bool
  }

  /// A connection that would bind the name if another person did not hold it.
  struct Candidate {
    let person: Subject
    let connectionID: String
    let whenFree: @Sendable () -> Void
  }

  /// Oldest first.
  private(set) var entries: [Entry] = []
  var leases: [Lease] = []
  var candidates: [Candidate] = []
  /// Made for these entries when it is first needed.
  private var balancer: Balancer?
  private var turn = 0

  var isEmpty: Bool { entries.isEmpty && leases.isEmpty && candidates.isEmpty }

  func index(of id: BindingID) -> Int? { entries.firstIndex { $0.binding.id == id } }

  mutating func add(_ binding: Binding) {
    let taken = Set(entries.lazy.filter { $0.binding.isOwned(by: binding) }.map(\.slot))
    entries.append(Entry(binding: binding, slot: (0...).first { !taken.contains($0) } ?? 0))
    forgetBalancer()
  }

  mutating func remove(_ id: BindingID) {
    guard let index = index(of: id) else { return }
    entries.remove(at: index)
    forgetBalancer()
  }

  mutating func change(_ id: BindingID, _ change: (inout Entry) -> Void) {
    if let index = index(of: id) { change(&entries[index]) }
  }

  private mutating func forgetBalancer() {
    if let balancer { turn = balancer.nextTurn }
    balancer = nil
  }

  /// One of those that are wanted.
  mutating func choose(_ policy: BalancePolicy, visitor: String?, where isWanted: (Entry) -> Bool) -> Binding? {
    if balancer?.policy != policy {
      forgetBalancer()
      balancer = Balancer(
        policy, entries.map { .init(key: StableHash.mixed($0.binding.ownerHash, UInt64($0.slot) &+ 1)) }, turn: turn,
        seed: entries.last?.binding.id.rawValue ?? 0)
    }
    let entries = entries
    let place = balancer?.choose(
      visitor: { Balancer.hash(visitor: visitor ?? "") },
      isWanted: { isWanted(entries[$0]) },
      load: { entries[$0].binding.counters.openRequests })
    return place.map { entries[$0].binding }
  }

  mutating func add(_ candidate: Candidate) {
    candidates.removeAll { $0.connectionID == candidate.connectionID }
    candidates.append(candidate)
  }
}

/// The tunnels of one route, by the names they are bound as: thousands under a wildcard cost a request no more than one.
struct RouteTunnels {
  private(set) var names: [HostPattern: NameTunnels] = [:]
  /// Those of the names that are wildcards, longest first; few.
  private(set) var wildcards: [HostPattern] = []

  var isEmpty: Bool { names.isEmpty }

  /// Changes what is under a name, in place.
  mutating func update<Result>(_ name: HostPattern, _ change: (inout NameTunnels) -> Result) -> Result {
    if name.isWildcard, names[name] == nil {
      wildcards.append(name)
      wildcards.sort { $0.literalLength > $1.literalLength }
    }
    let result = change(&names[name, default: NameTunnels()])
    if names[name]?.isEmpty == true {
      names[name] = nil
      if name.isWildcard { wildcards.removeAll { $0 == name } }
    }
    return result
  }

  /// One of the tunnels under a name, chosen in place.
  mutating func choose(
    under name: HostPattern, _ policy: BalancePolicy, visitor: String?, where isWanted: (NameTunnels.Entry) -> Bool
  ) -> Binding? {
    guard let index = names.index(forKey: name) else { return nil }
    return names.values[index].choose(policy, visitor: visitor, where: isWanted)
  }

  /// The names here that some host of `name` could belong to.
  func overlapping(_ name: HostPattern) -> [HostPattern] {
    if name.isWildcard { return names.keys.filter { $0.overlaps(name) } }
    return (names[name] == nil ? [] : [name]) + wildcards.filter { $0.overlaps(name) }
  }

  /// Who else holds the name, or one that overlaps it, by an attached tunnel or by a lease. With `earlierThan`, by an
  /// older tunnel only.
  func otherHolder(
    of name: HostPattern, than person: Subject, isShared: Bool, now: UnixTime, earlierThan own: BindingID? = nil
  ) -> Subject? {
    if isShared { return nil }
    for key in overlapping(name) {
      guard let tunnels = names[key] else { continue }
      for entry in tunnels.entries
      where entry.binding.state.isAttached && !entry.binding.owner.isSamePerson(as: person)
        && own.map({ entry.binding.id.rawValue < $0.rawValue }) != false
      {
        return entry.binding.owner
      }
      if own == nil, let lease = tunnels.leases.first(where: { $0.until > now && !$0.person.isSamePerson(as: person) })
      {
        return lease.person
      }
    }
    return nil
  }

  /// Who may ask again now that this person has let go of a name.
  mutating func takeCandidates(of name: HostPattern, otherThan person: Subject) -> [@Sendable () -> Void] {
    var taken: [@Sendable () -> Void] = []
    for key in overlapping(name) where names[key]?.candidates.isEmpty == false {
      update(key) { tunnels in
        for candidate in tunnels.candidates where !candidate.person.isSamePerson(as: person) {
          taken.append(candidate.whenFree)
        }
        tunnels.candidates.removeAll { !$0.person.isSamePerson(as: person) }
      }
    }
    return taken
  }

  /// When the first lease of somebody else ends that keeps this person from the name.
  func firstLeaseEnd(of name: HostPattern, except person: Subject, now: UnixTime) -> UnixTime? {
    overlapping(name).lazy.flatMap { names[$0]?.leases ?? [] }
      .filter { $0.until > now && !$0.person.isSamePerson(as: person) }.map(\.until).min()
  }
}
