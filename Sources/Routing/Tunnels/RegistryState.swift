import NIOCore
import Policy

/// The tables of `TunnelRegistry`, without lock, clock or callbacks: a value that answers what is to be done.
struct RegistryState {
  typealias Waiter = EventLoopPromise<Binding?>
  typealias Notice = @Sendable () -> Void

  struct Entry {
    var binding: Binding
    /// Its owner has bound the name again, or it let a visitor wait, and this connection has not yet proved that it lives.
    var isSuspect = false
  }

  /// Keeps a name for the person whose connection was lost.
  struct Lease {
    let name: HostPattern
    let person: Subject
    let until: UnixTime
  }

  /// A connection that would bind the name if another person did not hold it.
  struct Candidate {
    let name: HostPattern
    let person: Subject
    let connectionID: String
    let whenFree: Notice
  }

  struct RouteTunnels {
    /// Oldest first.
    var entries: [Entry] = []
    var leases: [Lease] = []
    var candidates: [Candidate] = []
    var turn = 0
  }

  /// What one connection has here.
  struct ConnectionRecord {
    var bindings: [BindingID] = []
    /// Where it is a candidate.
    var candidacies: Set<RouteID> = []
    var refused: [RefusedForward] = []
  }

  struct Parked {
    let id: UInt64
    let wait: TunnelWait
    /// Only this person's tunnel may take the request.
    let person: Subject
    let waiter: Waiter
  }

  enum BindOutcome {
    case bound(Binding, probes: [Notice], released: [Waiter])
    case refused(BindingRefusal)
  }

  /// A binding as it is now, and whom that concerns.
  struct StateChange {
    let binding: Binding
    var released: [Waiter] = []
    var freed: [Notice] = []
  }

  var configuration: TunnelRegistryConfiguration
  var routes: [RouteID: RouteTunnels] = [:]
  var routeOfBinding: [BindingID: RouteID] = [:]
  var connections: [String: ConnectionRecord] = [:]
  var parked: [Parked] = []
  private var nextBinding: UInt64 = 1
  var nextParked: UInt64 = 1

  init(configuration: TunnelRegistryConfiguration) { self.configuration = configuration }
}

// MARK: - Publishers

extension RegistryState {
  /// With `waits`, a connection that is refused because of somebody else becomes a candidate.
  mutating func bind(_ request: BindingRequest, waits: Bool, now: UnixTime) -> BindOutcome {
    let held = connections[request.connectionID]?.bindings.count ?? 0
    var tunnels = routes[request.routeID] ?? RouteTunnels()
    tunnels.leases.removeAll { $0.until <= now }
    if tunnels.entries.contains(where: {
      $0.binding.connectionID == request.connectionID && $0.binding.name == request.name
    }) {
      return .refused(.duplicate)
    }
    guard held < configuration.bindingsPerConnection else { return .refused(.limit(held)) }
    if let holder = tunnels.otherHolder(of: request.name, than: request.owner, isShared: request.isShared) {
      if waits {
        tunnels.add(
          Candidate(
            name: request.name, person: request.owner, connectionID: request.connectionID, whenFree: request.whenFree))
        routes[request.routeID] = tunnels
        connections[request.connectionID, default: .init()].candidacies.insert(request.routeID)
      }
      return .refused(.heldByAnother(displayName: holder.displayName))
    }
    var probes: [Notice] = []
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
    connections[request.connectionID, default: .init()].bindings.append(binding.id)
    return .bound(binding, probes: probes, released: takeWaiters(for: binding))
  }

  /// Attaches or detaches. `isShared` is what the configuration says of the route now.
  mutating func setState(_ id: BindingID, _ wanted: BindingState, isShared: Bool?, now: UnixTime) -> StateChange? {
    guard let routeID = routeOfBinding[id], var tunnels = routes[routeID],
      let index = tunnels.entries.firstIndex(where: { $0.binding.id == id })
    else { return nil }
    tunnels.leases.removeAll { $0.until <= now }
    var binding = tunnels.entries[index].binding
    let before = binding.state
    let wasShared = binding.isShared
    binding.isShared = isShared ?? binding.isShared
    binding.state = wanted
    if wanted.isAttached, !before.isAttached || wasShared != binding.isShared,
      tunnels.otherHolder(
        of: binding.name, than: binding.owner, isShared: binding.isShared,
        // Where a route is shared no longer, who came first stays.
        among: before.isAttached ? tunnels.entries.prefix(index) : tunnels.entries[...]) != nil
    {
      binding.state = .detached(.heldByAnother)
      tunnels.add(
        Candidate(
          name: binding.name, person: binding.owner, connectionID: binding.connectionID, whenFree: binding.whenFree))
      connections[binding.connectionID, default: .init()].candidacies.insert(routeID)
    }
    tunnels.entries[index].binding = binding
    var change = StateChange(binding: binding)
    if before.isAttached, !binding.state.isAttached { change.freed = tunnels.takeCandidates(for: binding) }
    routes[routeID] = tunnels
    if binding.state.isAttached, !before.isAttached { change.released = takeWaiters(for: binding) }
    return change
  }

  /// Whom it concerns that the binding is gone.
  mutating func release(_ id: BindingID, why: BindingRelease, now: UnixTime) -> [Notice] {
    guard let routeID = routeOfBinding.removeValue(forKey: id), var tunnels = routes[routeID],
      let index = tunnels.entries.firstIndex(where: { $0.binding.id == id })
    else { return [] }
    let binding = tunnels.entries.remove(at: index).binding
    let grace = configuration.reconnectGraceSeconds
    tunnels.leases.removeAll { $0.until <= now }
    if why == .connectionLost, binding.state.isAttached, grace > 0 {
      tunnels.leases.append(
        Lease(name: binding.name, person: binding.owner, until: now.adding(seconds: grace)))
    }
    // After a lost connection they have to learn until when the name is kept.
    let freed = binding.state.isAttached ? tunnels.takeCandidates(for: binding) : []
    routes[routeID] = tunnels.isEmpty ? nil : tunnels
    connections[binding.connectionID]?.bindings.removeAll { $0 == id }
    return freed
  }

  /// The connection is over: nothing of it stays but its leases.
  mutating func forget(connectionID: String) {
    guard let record = connections.removeValue(forKey: connectionID) else { return }
    for routeID in record.candidacies {
      routes[routeID]?.candidates.removeAll { $0.connectionID == connectionID }
      if routes[routeID]?.isEmpty == true { routes[routeID] = nil }
    }
  }

  /// When the first lease ends that keeps this connection from a name; tunnels tell when they go.
  func firstLeaseEnd(connectionID: String, now: UnixTime) -> UnixTime? {
    guard let record = connections[connectionID] else { return nil }
    var first: UnixTime?
    for routeID in record.candidacies {
      guard let tunnels = routes[routeID] else { continue }
      for candidate in tunnels.candidates where candidate.connectionID == connectionID {
        for lease in tunnels.leases
        where lease.until > now && lease.name.overlaps(candidate.name)
          && !lease.person.isSamePerson(as: candidate.person)
        {
          first = min(first ?? lease.until, lease.until)
        }
      }
    }
    return first
  }

  /// Whether the connection's client is there is in doubt, or has just been proved.
  mutating func setSuspect(_ isSuspect: Bool, connectionID: String) {
    for id in connections[connectionID]?.bindings ?? [] {
      guard let routeID = routeOfBinding[id],
        let index = routes[routeID]?.entries.firstIndex(where: { $0.binding.id == id })
      else { continue }
      routes[routeID]?.entries[index].isSuspect = isSuspect
    }
  }

  func isSuspect(_ id: BindingID) -> Bool {
    guard let routeID = routeOfBinding[id] else { return false }
    return routes[routeID]?.entries.first { $0.binding.id == id }?.isSuspect == true
  }

  func hasAlternative(to id: BindingID) -> Bool {
    guard let routeID = routeOfBinding[id], let entries = routes[routeID]?.entries,
      let one = entries.first(where: { $0.binding.id == id })?.binding
    else { return false }
    return entries.contains {
      !$0.isSuspect && $0.binding.id != id && $0.binding.state.isAttached && $0.binding.name == one.name
        && $0.binding.isOwned(by: one)
    }
  }

  mutating func note(_ refused: RefusedForward) {
    connections[refused.connectionID, default: .init()].note(refused)
  }
}

extension RegistryState.ConnectionRecord {
  fileprivate mutating func note(_ forward: RefusedForward) {
    refused.removeAll { $0.text == forward.text }
    refused.append(forward)
    if refused.count > RefusedForward.most { refused.removeFirst() }
  }
}

extension RegistryState.RouteTunnels {
  var isEmpty: Bool { entries.isEmpty && leases.isEmpty && candidates.isEmpty }

  /// Who else holds the name, or one that overlaps it, by an attached tunnel or by a lease.
  fileprivate func otherHolder(of name: HostPattern, than person: Subject, isShared: Bool) -> Subject? {
    otherHolder(of: name, than: person, isShared: isShared, among: entries[...])
  }

  fileprivate func otherHolder(
    of name: HostPattern, than person: Subject, isShared: Bool, among entries: ArraySlice<RegistryState.Entry>
  ) -> Subject? {
    if isShared { return nil }
    let attached = entries.first {
      $0.binding.state.isAttached && $0.binding.name.overlaps(name) && !$0.binding.owner.isSamePerson(as: person)
    }
    if let attached { return attached.binding.owner }
    return leases.first { $0.name.overlaps(name) && !$0.person.isSamePerson(as: person) }?.person
  }

  fileprivate mutating func add(_ candidate: RegistryState.Candidate) {
    candidates.removeAll { $0.connectionID == candidate.connectionID && $0.name == candidate.name }
    candidates.append(candidate)
  }

  /// Who may ask again now that this binding has let go of its name.
  fileprivate mutating func takeCandidates(for binding: Binding) -> [RegistryState.Notice] {
    if candidates.isEmpty { return [] }
    func isConcerned(_ candidate: RegistryState.Candidate) -> Bool {
      candidate.name.overlaps(binding.name) && !candidate.person.isSamePerson(as: binding.owner)
    }
    let concerned = candidates.filter(isConcerned)
    candidates.removeAll(where: isConcerned)
    return concerned.map(\.whenFree)
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

  func refused(sessionID: String) -> [RefusedForward] {
    connections.values.flatMap { $0.refused.filter { $0.sessionID == sessionID } }.sorted { $0.at < $1.at }
  }

  /// For tests: nothing is left behind.
  var isEmpty: Bool { routes.isEmpty && routeOfBinding.isEmpty && connections.isEmpty && parked.isEmpty }
}
