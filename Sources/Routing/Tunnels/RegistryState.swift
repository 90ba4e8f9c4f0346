import NIOCore
import Policy

/// The tables of `TunnelRegistry`, without lock, clock or callbacks: a value that answers what is to be done.
struct RegistryState {
  typealias Waiter = EventLoopPromise<TunnelWaitResult>
  typealias Notice = @Sendable () -> Void

  struct Place: Hashable {
    let route: RouteID
    let name: HostPattern
  }

  /// What one connection has here.
  struct ConnectionRecord {
    var bindings: [BindingID] = []
    /// Where it is a candidate.
    var candidacies: Set<Place> = []
    var refused: [RefusedForward] = []
  }

  struct Parked {
    let id: UInt64
    let wait: TunnelWait
    /// Only this person's tunnel may take the request.
    let person: Subject
    /// Whom it is counted under where there is no session.
    let source: SourceBlock?
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
  private var places: [BindingID: Place] = [:]
  var connections: [String: ConnectionRecord] = [:]
  var parked: [Parked] = []
  /// Where leases end, about in the order they do.
  private var leaseEnds = CircularBuffer<(until: UnixTime, place: Place)>()
  private var nextBinding: UInt64 = 1
  var nextParked: UInt64 = 1

  init(configuration: TunnelRegistryConfiguration) { self.configuration = configuration }

  private mutating func update<Result>(_ place: Place, _ change: (inout NameTunnels) -> Result) -> Result {
    let result = routes[place.route, default: RouteTunnels()].update(place.name, change)
    if routes[place.route]?.isEmpty == true { routes[place.route] = nil }
    return result
  }

  private mutating func updateEntry(_ id: BindingID, _ change: (inout NameTunnels.Entry) -> Void) {
    guard let place = places[id] else { return }
    update(place) { $0.change(id, change) }
  }

  func entry(_ id: BindingID) -> NameTunnels.Entry? {
    guard let place = places[id], let tunnels = routes[place.route]?.names[place.name],
      let index = tunnels.index(of: id)
    else { return nil }
    return tunnels.entries[index]
  }

  /// Names of the past do not stay.
  private mutating func endLeases(_ now: UnixTime) {
    while let first = leaseEnds.first, first.until <= now {
      leaseEnds.removeFirst()
      if routes[first.place.route]?.names[first.place.name] != nil {
        update(first.place) { $0.leases.removeAll { $0.until <= now } }
      }
    }
  }
}

// MARK: - Publishers

extension RegistryState {
  /// With `waits`, a connection that is refused because of somebody else becomes a candidate.
  mutating func bind(_ request: BindingRequest, waits: Bool, now: UnixTime) -> BindOutcome {
    endLeases(now)
    let place = Place(route: request.routeID, name: request.name)
    let present = routes[place.route]?.names[place.name]?.entries ?? []
    if present.contains(where: { $0.binding.connectionID == request.connectionID }) { return .refused(.duplicate) }
    let held = connections[request.connectionID]?.bindings.count ?? 0
    guard held < configuration.bindingsPerConnection else { return .refused(.limit(held)) }
    let holder = routes[place.route]?.otherHolder(
      of: request.name, than: request.owner, isShared: request.isShared, now: now)
    if let holder {
      if waits { add(request.owner, request.connectionID, request.whenFree, at: place) }
      return .refused(.heldByAnother(displayName: holder.displayName))
    }
    let binding = Binding(id: BindingID(nextBinding), request: request, openedAt: now)
    nextBinding += 1
    let probes: [Notice] = update(place) { tunnels in
      var probes: [Notice] = []
      for entry in tunnels.entries where entry.binding.isOwned(by: binding) {
        tunnels.change(entry.binding.id) { $0.isSuspect = true }
        probes.append(entry.binding.probe)
      }
      tunnels.add(binding)
      tunnels.leases.removeAll { $0.person.isSamePerson(as: request.owner) }
      return probes
    }
    places[binding.id] = place
    connections[request.connectionID, default: .init()].bindings.append(binding.id)
    return .bound(binding, probes: probes, released: takeWaiters(for: binding))
  }

  private mutating func add(
    _ person: Subject, _ connectionID: String, _ whenFree: @escaping Notice, at place: Place
  ) {
    update(place) { $0.add(.init(person: person, connectionID: connectionID, whenFree: whenFree)) }
    connections[connectionID, default: .init()].candidacies.insert(place)
  }

  /// Attaches or detaches. `isShared` is what the configuration says of the route now.
  mutating func setState(_ id: BindingID, _ wanted: BindingState, isShared: Bool?, now: UnixTime) -> StateChange? {
    guard let place = places[id], let before = entry(id)?.binding else { return nil }
    endLeases(now)
    var binding = before
    binding.isShared = isShared ?? before.isShared
    binding.state = wanted
    if wanted.isAttached, !before.state.isAttached || before.isShared != binding.isShared,
      routes[place.route]?.otherHolder(
        of: binding.name, than: binding.owner, isShared: binding.isShared, now: now,
        // Where a route is shared no longer, who came first stays.
        earlierThan: before.state.isAttached ? id : nil) != nil
    {
      binding.state = .detached(.heldByAnother)
      add(binding.owner, binding.connectionID, binding.whenFree, at: place)
    }
    updateEntry(id) { $0.binding = binding }
    var change = StateChange(binding: binding)
    if before.state.isAttached, !binding.state.isAttached {
      change.freed = routes[place.route]?.takeCandidates(of: binding.name, otherThan: binding.owner) ?? []
    }
    if binding.state.isAttached, !before.state.isAttached { change.released = takeWaiters(for: binding) }
    return change
  }

  /// Whom it concerns that the binding is gone.
  mutating func release(_ id: BindingID, why: BindingRelease, now: UnixTime) -> [Notice] {
    endLeases(now)
    guard let binding = entry(id)?.binding, let place = places.removeValue(forKey: id) else { return [] }
    let grace = configuration.reconnectGrace(of: place.route)
    let lease: NameTunnels.Lease? =
      why == .connectionLost && binding.state.isAttached && grace > 0
      ? .init(
        person: binding.owner, until: now.adding(milliseconds: grace), isStillAllowed: binding.isStillAllowed) : nil
    // After a lost connection they have to learn until when the name is kept.
    let freed =
      binding.state.isAttached
      ? routes[place.route]?.takeCandidates(of: binding.name, otherThan: binding.owner) ?? [] : []
    update(place) { tunnels in
      tunnels.remove(id)
      guard let lease else { return }
      tunnels.leases.removeAll { $0.person.isSamePerson(as: lease.person) }
      tunnels.leases.append(lease)
    }
    if let lease { leaseEnds.append((lease.until, place)) }
    connections[binding.connectionID]?.bindings.removeAll { $0 == id }
    return freed
  }

  /// Ends the leases of whoever may publish no longer: who waits for them, and who may ask for the name again.
  mutating func endLeases(where isOver: (NameTunnels.Lease) -> Bool) -> (waiters: [Waiter], freed: [Notice]) {
    var waiters: [Waiter] = []
    var freed: [Notice] = []
    for place in Set(leaseEnds.map(\.place)) {
      guard let ended = routes[place.route]?.names[place.name]?.leases.filter(isOver), !ended.isEmpty else { continue }
      update(place) { $0.leases.removeAll(where: isOver) }
      for lease in ended {
        waiters += takeWaiters(for: lease.person, at: place)
        freed += routes[place.route]?.takeCandidates(of: place.name, otherThan: lease.person) ?? []
      }
    }
    return (waiters, freed)
  }

  /// The connection is over: nothing of it stays but its leases.
  mutating func forget(connectionID: String) {
    guard let record = connections.removeValue(forKey: connectionID) else { return }
    for place in record.candidacies where routes[place.route]?.names[place.name] != nil {
      update(place) { $0.candidates.removeAll { $0.connectionID == connectionID } }
    }
  }

  /// When the first lease ends that keeps this connection from a name; tunnels tell when they go.
  func firstLeaseEnd(connectionID: String, now: UnixTime) -> UnixTime? {
    guard let record = connections[connectionID] else { return nil }
    return record.candidacies.lazy.compactMap { place -> UnixTime? in
      guard let tunnels = routes[place.route],
        let candidate = tunnels.names[place.name]?.candidates.first(where: { $0.connectionID == connectionID })
      else { return nil }
      return tunnels.firstLeaseEnd(of: place.name, except: candidate.person, now: now)
    }.min()
  }

  /// Whether the connection's client is there is in doubt, or has just been proved.
  mutating func setSuspect(_ isSuspect: Bool, connectionID: String) {
    for id in connections[connectionID]?.bindings ?? [] { updateEntry(id) { $0.isSuspect = isSuspect } }
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

// MARK: - Views

extension RegistryState {
  func snapshot() -> [Binding] {
    routes.values.flatMap { $0.names.values.flatMap { $0.entries.map(\.binding) } }
      .sorted { $0.id.rawValue < $1.id.rawValue }
  }

  func binding(_ id: BindingID) -> Binding? { entry(id)?.binding }

  func isSuspect(_ id: BindingID) -> Bool { entry(id)?.isSuspect == true }

  func hasAlternative(to id: BindingID) -> Bool {
    guard let place = places[id], let one = binding(id) else { return false }
    return routes[place.route]?.names[place.name]?.entries.contains {
      !$0.isSuspect && $0.binding.id != id && $0.binding.state.isAttached && $0.binding.isOwned(by: one)
    } == true
  }

  func refused(sessionID: String) -> [RefusedForward] {
    connections.values.flatMap { $0.refused.filter { $0.sessionID == sessionID } }.sorted { $0.at < $1.at }
  }

  /// For tests: nothing is left behind.
  var isEmpty: Bool { routes.isEmpty && places.isEmpty && connections.isEmpty && parked.isEmpty && leaseEnds.isEmpty }
}
