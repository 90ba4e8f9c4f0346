import Policy

/// The choice of a tunnel for one request: no allocation, and nothing to look at twice where there is one tunnel.
extension RegistryState {
  mutating func pick(
    route: RouteID, host: HostName, sessionID: String?, excluding: Set<BindingID>, now: UnixTime
  ) -> TunnelPick {
    guard let tunnels = routes[route] else { return .none(.neverConnected) }
    // Nearly always there is one tunnel under the visited name.
    let visited = HostPattern(host)
    if let named = tunnels.names[visited], named.entries.count == 1, let only = named.entries.first,
      only.binding.state.isAttached, !excluding.contains(only.binding.id)
    {
      return .binding(only.binding)
    }
    // The publisher first, then what is excluded: a request that one person's tunnel refused is not another person's.
    if let publisher = tunnels.publisher(of: visited, host, sessionID: sessionID),
      let (name, chosen) = tunnels.choose(publisher, visited, host, excluding, configuration.balance)
    {
      routes[route]?.takeTurn(name)
      return .binding(chosen)
    }
    return .none(tunnels.reason(visited, host, now: now))
  }
}

extension RouteTunnels {
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

  /// A tunnel of the person who serves this visitor: of names that match, the longest counts.
  fileprivate func publisher(of visited: HostPattern, _ host: HostName, sessionID: String?) -> Binding? {
    first(visited, host) { $1.publisher(sessionID: sessionID) }
  }

  /// One of this person's tunnels, and the name it is bound under.
  fileprivate func choose(
    _ publisher: Binding, _ visited: HostPattern, _ host: HostName, _ excluding: Set<BindingID>,
    _ balance: TunnelBalance
  ) -> (HostPattern, Binding)? {
    first(visited, host) { name, tunnels in
      tunnels.choose(publisher, excluding, balance).map { (name, $0) }
    }
  }

  /// For whom the host is kept just now.
  func lease(of host: HostName, now: UnixTime) -> NameTunnels.Lease? {
    first(HostPattern(host), host) { $1.leases.first { $0.until > now } }
  }

  fileprivate func reason(_ visited: HostPattern, _ host: HostName, now: UnixTime) -> NoTunnelReason {
    let isLeased = first(visited, host) { $1.leases.contains { $0.until > now } ? true : nil }
    if isLeased == true { return .reconnecting }
    let detached = first(visited, host) { $1.entries.first { !$0.binding.state.isAttached } }
    return detached.map { .detached(ownerDisplayName: $0.binding.owner.displayName) } ?? .neverConnected
  }
}

extension NameTunnels {
  /// On a shared route one visitor's session stays with one publisher (security rule 1).
  fileprivate func publisher(sessionID: String?) -> Binding? {
    guard let first = entries.first(where: \.binding.state.isAttached)?.binding else { return nil }
    guard entries.contains(where: { $0.binding.state.isAttached && !$0.binding.isOwned(by: first) }) else {
      return first
    }
    // Rendezvous hashing: the choice for a session changes only when its own publisher goes.
    let session = StableHash(sessionID ?? "").value
    var highest: UInt64 = 0
    var chosen = first
    for entry in entries where entry.binding.state.isAttached {
      let score = StableHash.mixed(session, entry.binding.ownerHash)
      if score > highest {
        highest = score
        chosen = entry.binding
      }
    }
    return chosen
  }

  /// One that is in doubt is taken only where there is no other.
  fileprivate func choose(_ publisher: Binding, _ excluding: Set<BindingID>, _ balance: TunnelBalance) -> Binding? {
    func isOpen(_ entry: Entry) -> Bool {
      entry.binding.state.isAttached && entry.binding.isOwned(by: publisher) && !excluding.contains(entry.binding.id)
    }
    var all = 0
    var proved = 0
    for entry in entries where isOpen(entry) {
      all += 1
      if !entry.isSuspect { proved += 1 }
    }
    guard all > 0 else { return nil }
    let count = proved == 0 ? all : proved
    func isWanted(_ entry: Entry) -> Bool { isOpen(entry) && (proved == 0 || !entry.isSuspect) }
    switch balance {
    case .failover: return entries.first(where: isWanted)?.binding
    case .roundRobin: return nth(turn, of: count, where: isWanted)
    case .leastRequest:
      // Begins at another one each time, so that equals take turns.
      return leastBusy(from: turn, of: count, where: isWanted)
    }
  }

  private func nth(_ turn: Int, of count: Int, where isWanted: (Entry) -> Bool) -> Binding? {
    var left = Int(UInt(bitPattern: turn) % UInt(count))
    for entry in entries where isWanted(entry) {
      if left == 0 { return entry.binding }
      left -= 1
    }
    return nil
  }

  private func leastBusy(from turn: Int, of count: Int, where isWanted: (Entry) -> Bool) -> Binding? {
    let start = Int(UInt(bitPattern: turn) % UInt(count))
    var best: (load: Int, distance: Int, binding: Binding)?
    var position = 0
    for entry in entries where isWanted(entry) {
      let load = entry.binding.counters.openRequests
      let distance = position >= start ? position - start : position - start + count
      if best.map({ (load, distance) < ($0.load, $0.distance) }) != false { best = (load, distance, entry.binding) }
      position += 1
    }
    return best?.binding
  }
}
