import Policy

/// The tunnels of one route under one name.
struct NameTunnels {
  struct Entry {
    var binding: Binding
    /// Its owner has bound the name again, or it let a visitor wait, and this connection has not yet proved that it lives.
    var isSuspect = false
  }

  /// Keeps a name for the person whose connection was lost.
  struct Lease {
    let person: Subject
    let until: UnixTime
  }

  /// A connection that would bind the name if another person did not hold it.
  struct Candidate {
    let person: Subject
    let connectionID: String
    let whenFree: @Sendable () -> Void
  }

  /// Oldest first.
  var entries: [Entry] = []
  var leases: [Lease] = []
  var candidates: [Candidate] = []
  var turn = 0

  var isEmpty: Bool { entries.isEmpty && leases.isEmpty && candidates.isEmpty }

  func index(of id: BindingID) -> Int? { entries.firstIndex { $0.binding.id == id } }

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

  mutating func takeTurn(_ name: HostPattern) { names[name]?.turn &+= 1 }

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

  /// Who may ask again now that this binding has let go of its name.
  mutating func takeCandidates(for binding: Binding) -> [@Sendable () -> Void] {
    var taken: [@Sendable () -> Void] = []
    for key in overlapping(binding.name) where names[key]?.candidates.isEmpty == false {
      update(key) { tunnels in
        for candidate in tunnels.candidates where !candidate.person.isSamePerson(as: binding.owner) {
          taken.append(candidate.whenFree)
        }
        tunnels.candidates.removeAll { !$0.person.isSamePerson(as: binding.owner) }
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
