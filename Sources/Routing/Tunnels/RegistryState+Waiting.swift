import Policy

/// Requests that wait for a tunnel that was lost a moment ago (security rule 26).
extension RegistryState {
  enum ParkOutcome {
    case available(Binding)
    case parked(UInt64, graceLeft: Int64)
    case refused(TunnelWaitResult)
  }

  mutating func park(_ wait: TunnelWait, waiter: Waiter, now: UnixTime) -> ParkOutcome {
    // Asked as the request itself asks: if one found what the other does not, they would send it to and fro for ever.
    let found = pick(
      route: wait.routeID, host: wait.host, sessionID: wait.sessionID ?? wait.address, choice: wait.choice,
      excluding: wait.excluding, of: wait.publisher, now: now)
    switch found {
    case .binding(let binding): return .available(binding)
    case .none(.neverConnected), .none(.detached), .none(.unhealthy): return .refused(.nothingToWaitFor)
    case .none(.reconnecting): break
    }
    guard let lease = routes[wait.routeID]?.lease(of: wait.host, for: wait.publisher, now: now) else {
      return .refused(.nothingToWaitFor)
    }
    let source = IPAddress(wait.address).map { SourceBlock($0) }
    guard parked.count < configuration.parkedInAll,
      parked.count(where: { $0.wait.routeID == wait.routeID }) < configuration.parkedPerRoute,
      isWithinOwnLimit(wait, source)
    else { return .refused(.tooMany) }
    let id = nextParked
    nextParked += 1
    parked.append(Parked(id: id, wait: wait, person: lease.person, source: source, waiter: waiter))
    return .parked(id, graceLeft: lease.until.milliseconds - now.milliseconds)
  }

  private func isWithinOwnLimit(_ wait: TunnelWait, _ source: SourceBlock?) -> Bool {
    if let session = wait.sessionID {
      return parked.count { $0.wait.sessionID == session } < configuration.parkedPerSession
    }
    return parked.count { $0.wait.sessionID == nil && $0.source == source } < configuration.parkedPerAddress
  }

  mutating func unpark(_ id: UInt64) -> Waiter? {
    guard let index = parked.firstIndex(where: { $0.id == id }) else { return nil }
    return parked.remove(at: index).waiter
  }

  /// The requests that this binding can take now.
  mutating func takeWaiters(for binding: Binding) -> [Waiter] {
    takeWaiters {
      $0.wait.routeID == binding.routeID && binding.name.matches($0.wait.host)
        && $0.person.isSamePerson(as: binding.owner)
    }
  }

  /// The requests that wait for this person under this name.
  mutating func takeWaiters(for person: Subject, at place: Place) -> [Waiter] {
    takeWaiters {
      $0.wait.routeID == place.route && place.name.matches($0.wait.host) && $0.person.isSamePerson(as: person)
    }
  }

  private mutating func takeWaiters(where isTaken: (Parked) -> Bool) -> [Waiter] {
    if parked.isEmpty { return [] }
    let taken = parked.filter(isTaken)
    parked.removeAll(where: isTaken)
    return taken.map(\.waiter)
  }
}
