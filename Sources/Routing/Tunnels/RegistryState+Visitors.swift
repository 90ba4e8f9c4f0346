import Policy

/// The choice of a tunnel for one request: no allocation, and nothing to look at twice where there is one tunnel.
extension RegistryState {
  mutating func pick(
    route: RouteID, host: HostName, sessionID: String?, choice: TunnelChoice = .init(), excluding: Set<BindingID> = [],
    of person: Binding? = nil, now: UnixTime
  ) -> TunnelPick {
    let visited = HostPattern(host)
    let place: (name: HostPattern, publisher: Binding, admitted: HealthCensus.Admitted)
    let found = routes[route]?.find(
      visited, host, sessionID: sessionID, choice: choice, excluding: excluding, of: person, now: now)
    switch found ?? .nowhere(.neverConnected) {
    case .only(let binding): return .binding(binding)
    case .oneOf(let name, let publisher, let admitted): place = (name, publisher, admitted)
    case .nowhere(let reason): return .none(reason)
    }
    let policy = choice.policy ?? configuration.balance
    func isOpen(_ entry: NameTunnels.Entry) -> Bool {
      entry.mayServe(place.admitted) && entry.binding.isOwned(by: place.publisher)
        && !excluding.contains(entry.binding.id)
    }
    // One that is in doubt is taken only where there is no other.
    let chosen =
      routes[route]?.choose(under: place.name, policy, visitor: sessionID) { isOpen($0) && !$0.isSuspect }
      ?? routes[route]?.choose(under: place.name, policy, visitor: sessionID, where: isOpen)
    // What was found has not changed since.
    return chosen.map { .binding($0) } ?? .none(.neverConnected)
  }
}

extension RouteTunnels {
  enum Finding {
    case only(Binding)
    /// Of this person's tunnels under this name.
    case oneOf(HostPattern, Binding, HealthCensus.Admitted)
    case nowhere(NoTunnelReason)
  }

  fileprivate func find(
    _ visited: HostPattern, _ host: HostName, sessionID: String?, choice: TunnelChoice, excluding: Set<BindingID>,
    of person: Binding?, now: UnixTime
  ) -> Finding {
    // Nearly always there is one tunnel under the visited name.
    if let named = names[visited], named.entries.count == 1, let only = named.entries.first,
      only.binding.state.isAttached, only.binding.health.status != .unhealthy, !excluding.contains(only.binding.id),
      only.binding.isOf(person)
    {
      return .only(only.binding)
    }
    // The publisher first, then what is excluded: a request that one person's tunnel refused is not another person's.
    var isUnhealthy = false
    let publisher = first(visited, host) { _, tunnels -> Binding? in
      let admitted = tunnels.admitted(choice)
      if admitted == .none, tunnels.entries.contains(where: \.binding.state.isAttached) { isUnhealthy = true }
      return tunnels.publisher(sessionID: sessionID, admitted, of: person)
    }
    if let publisher {
      let place = first(visited, host) { name, tunnels -> (HostPattern, HealthCensus.Admitted)? in
        let admitted = tunnels.admitted(choice)
        let isThere = tunnels.entries.contains {
          $0.mayServe(admitted) && $0.binding.isOwned(by: publisher) && !excluding.contains($0.binding.id)
        }
        return isThere ? (name, admitted) : nil
      }
      if let place { return .oneOf(place.0, publisher, place.1) }
    }
    return .nowhere(isUnhealthy ? .unhealthy : reason(visited, host, for: person, now: now))
  }

  /// Calls `body` with what is bound under the host itself and under the wildcards that match it, longest name first,
  /// until it answers.
  private func first<Result>(
    _ visited: HostPattern, _ host: HostName, _ body: (HostPattern, NameTunnels) -> Result?
  ) -> Result? {
    if let tunnels = names[visited], let result = body(visited, tunnels) { return result }
    for name in wildcards where name.matches(host) {
      if let tunnels = names[name], let result = body(name, tunnels) { return result }
    }
    return nil
  }

  /// For whom the host is kept just now. With `person`, for the owner of that tunnel only.
  func lease(of host: HostName, for person: Binding?, now: UnixTime) -> NameTunnels.Lease? {
    first(HostPattern(host), host) {
      $1.leases.first { lease in
        lease.until > now && person.map { lease.person.isSamePerson(as: $0.owner) } != false
      }
    }
  }

  fileprivate func reason(
    _ visited: HostPattern, _ host: HostName, for person: Binding?, now: UnixTime
  ) -> NoTunnelReason {
    if lease(of: host, for: person, now: now) != nil { return .reconnecting }
    let detached = first(visited, host) { $1.entries.first { !$0.binding.state.isAttached } }
    return detached.map { .detached(ownerDisplayName: $0.binding.owner.displayName) } ?? .neverConnected
  }
}

extension NameTunnels.Entry {
  fileprivate func mayServe(_ admitted: HealthCensus.Admitted) -> Bool {
    binding.state.isAttached && admitted.admits(binding.health.status)
  }
}

extension NameTunnels {
  fileprivate func admitted(_ choice: TunnelChoice) -> HealthCensus.Admitted {
    var census = HealthCensus()
    for entry in entries where entry.binding.state.isAttached { census.count(entry.binding.health.status) }
    return census.admitted(panicThreshold: choice.panicThreshold)
  }

  /// On a shared route one visitor's session stays with one publisher, and a request with the one who had it first
  /// (security rule 1).
  fileprivate func publisher(
    sessionID: String?, _ admitted: HealthCensus.Admitted, of person: Binding?
  ) -> Binding? {
    if person != nil { return entries.first { $0.mayServe(admitted) && $0.binding.isOf(person) }?.binding }
    guard let first = entries.first(where: { $0.mayServe(admitted) })?.binding else { return nil }
    guard entries.contains(where: { $0.mayServe(admitted) && !$0.binding.isOwned(by: first) }) else { return first }
    // Rendezvous hashing: the choice for a session changes only when its own publisher goes.
    let session = StableHash(sessionID ?? "").value
    var highest: UInt64 = 0
    var chosen = first
    for entry in entries where entry.mayServe(admitted) {
      let score = StableHash.mixed(session, entry.binding.ownerHash)
      if score > highest {
        highest = score
        chosen = entry.binding
      }
    }
    return chosen
  }
}
