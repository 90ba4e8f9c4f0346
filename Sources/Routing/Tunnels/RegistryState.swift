import NIOCore
import Policy

/// The tables of `TunnelRegistry`, without lock, clock or callbacks: a value that answers what is to be done.
struct RegistryState {
  typealias Waiter = EventLoopPromise<Binding?>

  struct Entry {
    var binding: Binding
    /// Its owner has bound the name again and this connection has not yet proved that it lives.
    var isSuspect = false
  }

  /// Keeps a name for the person whose connection was lost.
  struct Lease {
    let name: HostPattern
    let person: Subject
    let until: UnixTime
  }

  struct RouteTunnels {
    /// Oldest first.
    var entries: [Entry] = []
    var leases: [Lease] = []
    var turn = 0
  }

  struct Parked {
    let id: UInt64
    let wait: TunnelWait
    /// Only this person's tunnel may take the request.
    let person: Subject
    let waiter: Waiter
  }

  enum BindOutcome {
    case bound(Binding, probes: [@Sendable () -> Void], released: [Waiter])
    case refused(BindingRefusal)
  }

  var configuration: TunnelRegistryConfiguration
  private var routes: [RouteID: RouteTunnels] = [:]
  private var routeOfBinding: [BindingID: RouteID] = [:]
  private var parked: [Parked] = []
  private var nextBinding: UInt64 = 1
  private var nextParked: UInt64 = 1

  init(configuration: TunnelRegistryConfiguration) { self.configuration = configuration }
}

// MARK: - Publishers

extension RegistryState {
  mutating func bind(_ request: BindingRequest, now: UnixTime) -> BindOutcome {
    var tunnels = routes[request.routeID] ?? RouteTunnels()
    tunnels.leases.removeAll { $0.until <= now }
    let own = tunnels.entries.filter { $0.binding.connectionID == request.connectionID }
    if own.contains(where: { $0.binding.name == request.name }) { return .refused(.duplicate) }
    let held = routes.values.reduce(0) { count, other in
      count + other.entries.count { $0.binding.connectionID == request.connectionID }
    }
    guard held < configuration.bindingsPerConnection else { return .refused(.limit) }
    if let holder = tunnels.otherHolder(of: request.name, than: request.owner, isShared: request.isShared) {
      return .refused(.heldByAnother(displayName: holder.displayName))
    }
    var probes: [@Sendable () -> Void] = []
    for index in tunnels.entries.indices {
      let entry = tunnels.entries[index]
      guard entry.binding.name == request.name, entry.binding.owner.isSamePerson(as: request.owner),
        entry.binding.connectionID != request.connectionID
      else { continue }
      tunnels.entries[index].isSuspect = true
      probes.append(entry.binding.probe)
    }
    let binding = Binding(id: BindingID(nextBinding), request: request, openedAt: now)
    nextBinding += 1
    tunnels.entries.append(Entry(binding: binding))
    tunnels.leases.removeAll { $0.name == request.name && $0.person.isSamePerson(as: request.owner) }
    routes[request.routeID] = tunnels
    routeOfBinding[binding.id] = request.routeID
    return .bound(binding, probes: probes, released: takeWaiters(for: binding))
  }

  mutating func setState(_ id: BindingID, _ wanted: BindingState, now: UnixTime) -> (
    binding: Binding, released: [Waiter]
  )? {
    guard let routeID = routeOfBinding[id], var tunnels = routes[routeID],
      let index = tunnels.entries.firstIndex(where: { $0.binding.id == id })
    else { return nil }
    tunnels.leases.removeAll { $0.until <= now }
    let entry = tunnels.entries[index]
    var state = wanted
    if wanted.isAttached, !entry.binding.state.isAttached,
      tunnels.otherHolder(of: entry.binding.name, than: entry.binding.owner, isShared: entry.binding.isShared) != nil
    {
      state = .detached(.heldByAnother)
    }
    tunnels.entries[index].binding.state = state
    let binding = tunnels.entries[index].binding
    routes[routeID] = tunnels
    return (binding, state.isAttached ? takeWaiters(for: binding) : [])
  }

  mutating func release(_ id: BindingID, why: BindingRelease, now: UnixTime) {
    guard let routeID = routeOfBinding.removeValue(forKey: id), var tunnels = routes[routeID],
      let index = tunnels.entries.firstIndex(where: { $0.binding.id == id })
    else { return }
    let entry = tunnels.entries.remove(at: index)
    let grace = configuration.reconnectGraceSeconds
    tunnels.leases.removeAll { $0.until <= now }
    if why == .connectionLost, entry.binding.state.isAttached, grace > 0 {
      tunnels.leases.append(
        Lease(name: entry.binding.name, person: entry.binding.owner, until: now.adding(seconds: grace)))
    }
    routes[routeID] = tunnels.entries.isEmpty && tunnels.leases.isEmpty ? nil : tunnels
  }

  mutating func confirm(connectionID: String) {
    for (routeID, tunnels) in routes {
      for (index, entry) in tunnels.entries.enumerated()
      where entry.isSuspect && entry.binding.connectionID == connectionID {
        routes[routeID]?.entries[index].isSuspect = false
      }
    }
  }
}

extension RegistryState.RouteTunnels {
  /// Who else holds the name, or one that overlaps it, by an attached tunnel or by a lease.
  fileprivate func otherHolder(of name: HostPattern, than person: Subject, isShared: Bool) -> Subject? {
    if isShared { return nil }
    let attached = entries.first {
      $0.binding.state.isAttached && $0.binding.name.overlaps(name) && !$0.binding.owner.isSamePerson(as: person)
    }
    if let attached { return attached.binding.owner }
    return leases.first { $0.name.overlaps(name) && !$0.person.isSamePerson(as: person) }?.person
  }
}

// MARK: - Visitors

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
    let matching = tunnels.entries.filter { $0.binding.name.matches(host) }
    // The publisher first, then what is excluded: a request that one person's tunnel refused is not another person's.
    var candidates = keptToOnePublisher(
      Self.mostLiteral(matching.filter(\.binding.state.isAttached)), sessionID: sessionID)
    if let owner = candidates.first?.binding.owner {
      candidates = Self.mostLiteral(
        matching.filter {
          $0.binding.state.isAttached && !excluding.contains($0.binding.id) && $0.binding.owner.isSamePerson(as: owner)
        })
    }
    if candidates.contains(where: { !$0.isSuspect }) { candidates.removeAll(where: \.isSuspect) }
    if let chosen = choose(from: candidates, turn: tunnels.turn) {
      routes[route]?.turn = tunnels.turn &+ 1
      return .binding(chosen)
    }
    let isLeased = tunnels.leases.contains { $0.until > now && $0.name.matches(host) }
    if isLeased { return .none(.reconnecting) }
    if let detached = matching.first(where: { !$0.binding.state.isAttached }) {
      return .none(.detached(ownerDisplayName: detached.binding.owner.displayName))
    }
    return .none(.neverConnected)
  }

  /// Of names that match, the longest count.
  private static func mostLiteral(_ entries: [Entry]) -> [Entry] {
    guard let best = entries.map(\.binding.name.literalLength).max() else { return [] }
    return entries.filter { $0.binding.name.literalLength == best }
  }

  /// On a shared route one visitor's session stays with one publisher (security rule 1).
  private func keptToOnePublisher(_ candidates: [Entry], sessionID: String?) -> [Entry] {
    guard let first = candidates.first?.binding.owner,
      candidates.contains(where: { !$0.binding.owner.isSamePerson(as: first) })
    else { return candidates }
    var people: [Subject] = []
    for entry in candidates where !people.contains(where: { $0.isSamePerson(as: entry.binding.owner) }) {
      people.append(entry.binding.owner)
    }
    // Rendezvous hashing: the choice for a session changes only when its own publisher goes.
    let session = sessionID ?? ""
    let chosen = people.max {
      (stableHash(session, $0.issuer + $0.userID), $0.userID) < (stableHash(session, $1.issuer + $1.userID), $1.userID)
    }
    return candidates.filter { chosen?.isSamePerson(as: $0.binding.owner) == true }
  }

  /// FNV-1a: the same in every process and run.
  private func stableHash(_ parts: String...) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for part in parts {
      for byte in part.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
      hash = (hash ^ 0xFF) &* 0x100_0000_01B3
    }
    return hash
  }

  private func choose(from candidates: [Entry], turn: Int) -> Binding? {
    guard !candidates.isEmpty else { return nil }
    switch configuration.balance {
    case .failover: return candidates.first?.binding
    case .roundRobin:
      let index = Int(UInt(bitPattern: turn) % UInt(candidates.count))
      return candidates[index].binding
    case .leastRequest:
      return candidates.min { $0.binding.counters.openStreams < $1.binding.counters.openStreams }?.binding
    }
  }
}

// MARK: - Waiting requests

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
    guard
      let lease = routes[wait.routeID]?.leases.first(where: { $0.until > now && $0.name.matches(wait.host) }),
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
  private mutating func takeWaiters(for binding: Binding) -> [Waiter] {
    func isTaken(_ entry: Parked) -> Bool {
      entry.wait.routeID == binding.routeID && binding.name.matches(entry.wait.host)
        && entry.person.isSamePerson(as: binding.owner)
    }
    let taken = parked.filter(isTaken)
    parked.removeAll(where: isTaken)
    return taken.map(\.waiter)
  }
}

// MARK: - Views

extension RegistryState {
  func snapshot() -> [Binding] {
    routes.values.flatMap { $0.entries.map(\.binding) }.sorted { $0.id.rawValue < $1.id.rawValue }
  }

  func binding(_ id: BindingID) -> Binding? {
    guard let route = routeOfBinding[id] else { return nil }
    return routes[route]?.entries.first { $0.binding.id == id }?.binding
  }

  /// For tests: nothing is left behind.
  var isEmpty: Bool { routes.isEmpty && routeOfBinding.isEmpty && parked.isEmpty }
}
