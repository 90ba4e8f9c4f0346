import Policy

/// Requests that wait for a tunnel that was lost a moment ago (security rule 26).
extension RegistryState {
  enum ParkOutcome {
    case available(Binding)
    case parked(UInt64, graceLeft: Int64)
    case refused
  }

  mutating func park(_ wait: TunnelWait, waiter: Waiter, now: UnixTime) -> ParkOutcome {
    switch pick(route: wait.routeID, host: wait.host, sessionID: wait.sessionID, excluding: [], now: now) {
    case .binding(let binding): return .available(binding)
    case .none(.neverConnected), .none(.detached): return .refused
    case .none(.reconnecting): break
    }
    guard let lease = routes[wait.routeID]?.lease(of: wait.host, now: now),
      parked.count(where: { $0.wait.routeID == wait.routeID }) < configuration.parkedPerRoute,
      isWithinOwnLimit(wait)
    else { return .refused }
    let id = nextParked
    nextParked += 1
    parked.append(Parked(id: id, wait: wait, person: lease.person, waiter: waiter))
    return .parked(id, graceLeft: lease.until.milliseconds - now.milliseconds)
  }

  private func isWithinOwnLimit(_ wait: TunnelWait) -> Bool {
    if let session = wait.sessionID {
      return parked.count { $0.wait.sessionID == session } < configuration.parkedPerSession
    }
    return parked.count { $0.wait.sessionID == nil && $0.wait.address == wait.address } < configuration.parkedPerAddress
  }

  mutating func unpark(_ id: UInt64) -> Waiter? {
    guard let index = parked.firstIndex(where: { $0.id == id }) else { return nil }
    return parked.remove(at: index).waiter
  }

  /// The requests that this binding can take now.
  mutating func takeWaiters(for binding: Binding) -> [Waiter] {
    if parked.isEmpty { return [] }
    func isTaken(_ entry: Parked) -> Bool {
      entry.wait.routeID == binding.routeID && binding.name.matches(entry.wait.host)
        && entry.person.isSamePerson(as: binding.owner)
    }
    let taken = parked.filter(isTaken)
    parked.removeAll(where: isTaken)
    return taken.map(\.waiter)
  }
}
