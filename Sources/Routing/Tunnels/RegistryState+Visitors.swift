import Policy

/// The choice of a tunnel for one request: no allocation, and nothing to look at twice where there is one tunnel.
extension RegistryState {
  mutating func pick(
    route: RouteID, host: HostName, sessionID: String?, excluding: Set<BindingID>, now: UnixTime
  ) -> TunnelPick {
    guard let tunnels = routes[route] else { return .none(.neverConnected) }
    // Nearly always there is one tunnel.
    if tunnels.entries.count == 1, let only = tunnels.entries.first, only.binding.state.isAttached,
      only.binding.name.matches(host), !excluding.contains(only.binding.id)
    {
      return .binding(only.binding)
    }
    // The publisher first, then what is excluded: a request that one person's tunnel refused is not another person's.
    if let publisher = tunnels.publisher(of: host, sessionID: sessionID),
      let chosen = tunnels.choose(publisher, host, excluding: excluding, balance: configuration.balance)
    {
      routes[route]?.turn = tunnels.turn &+ 1
      return .binding(chosen)
    }
    if tunnels.leases.contains(where: { $0.until > now && $0.name.matches(host) }) { return .none(.reconnecting) }
    if let detached = tunnels.entries.first(where: {
      !$0.binding.state.isAttached && $0.binding.name.matches(host)
    }) {
      return .none(.detached(ownerDisplayName: detached.binding.owner.displayName))
    }
    return .none(.neverConnected)
  }
}

extension RegistryState.RouteTunnels {
  /// A tunnel of the person who serves this visitor: of names that match, the longest count, and on a shared route one
  /// visitor's session stays with one publisher (security rule 1).
  fileprivate func publisher(of host: HostName, sessionID: String?) -> Binding? {
    var longest = -1
    var first: Binding?
    var areSeveral = false
    for entry in entries where entry.answers(host) {
      let length = entry.binding.name.literalLength
      if length > longest {
        longest = length
        first = entry.binding
        areSeveral = false
      } else if length == longest, !areSeveral, let known = first, !entry.binding.isOwned(by: known) {
        areSeveral = true
      }
    }
    guard areSeveral else { return first }
    // Rendezvous hashing: the choice for a session changes only when its own publisher goes.
    let session = StableHash(sessionID ?? "").value
    var highest: UInt64 = 0
    var chosen = first
    for entry in entries where entry.answers(host) && entry.binding.name.literalLength == longest {
      let score = StableHash.mixed(session, entry.binding.ownerHash)
      if score > highest {
        highest = score
        chosen = entry.binding
      }
    }
    return chosen
  }

  /// One of this person's tunnels. One that is in doubt is taken only where there is no other.
  fileprivate func choose(
    _ publisher: Binding, _ host: HostName, excluding: Set<BindingID>, balance: TunnelBalance
  ) -> Binding? {
    func isOpen(_ entry: RegistryState.Entry) -> Bool {
      entry.answers(host) && entry.binding.isOwned(by: publisher) && !excluding.contains(entry.binding.id)
    }
    var longest = -1
    var proved = 0
    var all = 0
    for entry in entries where isOpen(entry) {
      let length = entry.binding.name.literalLength
      if length < longest { continue }
      if length > longest {
        longest = length
        proved = 0
        all = 0
      }
      all += 1
      if !entry.isSuspect { proved += 1 }
    }
    guard all > 0 else { return nil }
    func isWanted(_ entry: RegistryState.Entry) -> Bool {
      isOpen(entry) && entry.binding.name.literalLength == longest && (proved == 0 || !entry.isSuspect)
    }
    let count = proved == 0 ? all : proved
    switch balance {
    case .failover: return entries.first(where: isWanted)?.binding
    case .roundRobin: return nth(turn, of: count, where: isWanted)
    case .leastRequest:
      // Begins at another one each time, so that equals take turns.
      return leastBusy(from: turn, of: count, where: isWanted)
    }
  }

  private func nth(_ turn: Int, of count: Int, where isWanted: (RegistryState.Entry) -> Bool) -> Binding? {
    var left = Int(UInt(bitPattern: turn) % UInt(count))
    for entry in entries where isWanted(entry) {
      if left == 0 { return entry.binding }
      left -= 1
    }
    return nil
  }

  private func leastBusy(from turn: Int, of count: Int, where isWanted: (RegistryState.Entry) -> Bool) -> Binding? {
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

extension RegistryState.Entry {
  fileprivate func answers(_ host: HostName) -> Bool { binding.state.isAttached && binding.name.matches(host) }
}
