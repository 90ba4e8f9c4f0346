import EdgeCrypto
import Policy
import Routing
import SSHProtocol

/// What one connection publishes: its forwards and their bindings in the registry. Lives on the connection's loop.
///
/// Every forward is decided when it is asked for, and again whenever the configuration or the session changes: then its
/// bindings are attached or detached, and the connection stays as it is.
final class PublishedForwards {
  struct Surroundings {
    let routes: CurrentRoutes
    let registry: TunnelRegistry
    let connectionID: String
    let clock: UnixClock
    let random: RandomSource
    /// Opens streams through this connection for a forward's binding.
    let opener: (ForwardAddress, RouteID) -> any StreamOpener
    let probe: @Sendable () -> Void
    let events: (TunnelEvent.Kind, _ bound: Forward.Bound?, _ name: String) -> Void
  }

  /// A binding that is not what it was.
  struct Change {
    let bound: Forward.Bound
  }

  private let surroundings: Surroundings
  private var forwards: [ForwardAddress: Forward] = [:]
  /// The order in which they were granted.
  private var order: [ForwardAddress] = []

  init(_ surroundings: Surroundings) { self.surroundings = surroundings }

  var isEmpty: Bool { forwards.isEmpty }
  var count: Int { forwards.count }

  /// Every binding, in the order the forwards were granted.
  var bound: [Forward.Bound] {
    order.flatMap { forwards[$0]?.bindings.values.sorted { $0.id.rawValue < $1.id.rawValue } ?? [] }
  }

  /// The earliest moment at which a decision of the last `request` or `reconsider` may change by itself.
  private(set) var validUntil: UnixTime?

  /// Something may be attached as soon as somebody else lets go of it.
  var waitsForAnother: Bool {
    forwards.values.contains { $0.bindings.values.contains { $0.state == .detached(.heldByAnother) } }
  }

  func forward(_ address: ForwardAddress) -> Forward? { forwards[address] }

  /// The client of this forward connects every stream to one place, whatever we ask.
  func markFixed(_ address: ForwardAddress) { forwards[address]?.speaksSOCKS = false }
}

@available(*, unavailable)
extension PublishedForwards: Sendable {}

// MARK: - Requests

extension PublishedForwards {
  struct Granted {
    /// Told to the client only when it asked for port 0.
    let allocatedPort: UInt32?
    let bound: [Forward.Bound]
  }

  func request(_ address: ForwardAddress, by publisher: Publisher, maxForwards: Int, isPermitted: Bool)
    -> Result<Granted, ForwardRefusal>
  {
    let result = grant(address, publisher, maxForwards: maxForwards, isPermitted: isPermitted)
    if case .failure(let refusal) = result {
      surroundings.events(.refused(reason: refusal.name), nil, Self.describe(address))
    }
    return result
  }

  private func grant(_ address: ForwardAddress, _ publisher: Publisher, maxForwards: Int, isPermitted: Bool)
    -> Result<Granted, ForwardRefusal>
  {
    guard isPermitted else { return .failure(.publishingIsOff) }
    guard forwards[address] == nil else { return .failure(.duplicate) }
    guard forwards.count < maxForwards else { return .failure(.limit(maxForwards)) }
    let name = ForwardName(host: address.host, port: Int(address.port))
    let table = surroundings.routes.current()
    let now = surroundings.clock()
    var forward: Forward
    var allocated: UInt32?
    switch name.meaning {
    case .invalid: return .failure(.notAvailable)
    case .unnamed:
      guard address.port == 443 else { return .failure(.wrongPort) }
      guard let choice = WelcomeBanner.unnamedChoice(publisher, routes: publisher.publishable(in: table, now: now))
      else { return .failure(.needsName) }
      forward = Forward(address: address, name: name, pinnedRoute: choice.id, speaksSOCKS: false)
    case .dynamic:
      guard let port = freePort(for: address.host) else { return .failure(.limit(maxForwards)) }
      allocated = port
      forward = Forward(
        address: ForwardAddress(host: address.host, port: port), name: name, pinnedRoute: nil, speaksSOCKS: true)
    case .host, .wildcard:
      forward = Forward(address: address, name: name, pinnedRoute: nil, speaksSOCKS: false)
    }
    let routes = forward.routes(in: table)
    if routes.isEmpty { return .failure(address.port == 443 || address.port == 0 ? .notAvailable : .wrongPort) }
    var refusal = ForwardRefusal.notAvailable
    for route in routes where isAllowed(route, publisher, now: now) {
      switch bind(route, forward: &forward, publisher) {
      case .success: break
      case .failure(let reason): refusal = reason
      }
    }
    guard !forward.bindings.isEmpty else { return .failure(refusal) }
    forwards[forward.address] = forward
    order.append(forward.address)
    let bound = forward.bindings.values.sorted { $0.id.rawValue < $1.id.rawValue }
    return .success(Granted(allocatedPort: allocated, bound: bound))
  }

  private func isAllowed(_ route: Route, _ publisher: Publisher, now: UnixTime) -> Bool {
    let decision = publisher.decide(route, now: now)
    if let until = decision.validUntil { validUntil = min(validUntil ?? until, until) }
    return decision.isAllowed
  }

  private func bind(_ route: Route, forward: inout Forward, _ publisher: Publisher) -> Result<Void, ForwardRefusal> {
    let name = forward.boundName(on: route)
    let request = BindingRequest(
      routeID: route.id, name: name, isShared: route.tunnel?.isShared ?? false, requestedHost: forward.address.host,
      requestedPort: Int(forward.address.port), owner: publisher.subject, connectionID: surroundings.connectionID,
      opener: surroundings.opener(forward.address, route.id), probe: surroundings.probe)
    switch surroundings.registry.bind(request) {
    case .bound(let binding):
      let bound = Forward.Bound(
        id: binding.id, routeID: route.id, name: name,
        url: RouteOrigin(scheme: route.origin.scheme, host: name, port: route.origin.port).url,
        counters: binding.counters, state: binding.state)
      forward.bindings[route.id] = bound
      surroundings.events(.opened, bound, name.description)
      return .success(())
    case .refused(.heldByAnother): return .failure(.notAvailable)
    case .refused(.duplicate): return .failure(.duplicate)
    case .refused(.limit): return .failure(.limit(1024))
    }
  }

  /// A port nobody listens on: it only has to be unique on this connection (RFC 4254 section 7.1).
  private func freePort(for host: String) -> UInt32? {
    for _ in 0..<64 {
      let bytes = surroundings.random(2)
      let drawn = bytes.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      let port = 32_768 + drawn % 32_768
      if !forwards.keys.contains(where: { $0.port == port }) { return port }
    }
    return nil
  }

  static func describe(_ address: ForwardAddress) -> String {
    let host = address.host.isEmpty ? "*" : address.host.printable(limit: 120)
    return "\(host):\(address.port)"
  }
}

// MARK: - Endings

extension PublishedForwards {
  /// `cancel-tcpip-forward`: open channels stay.
  func cancel(_ address: ForwardAddress) -> Bool {
    guard let forward = forwards.removeValue(forKey: address) else { return false }
    order.removeAll { $0 == address }
    for bound in forward.bindings.values { release(bound, .cancelled) }
    return true
  }

  func releaseAll(_ why: BindingRelease) {
    let all = forwards.values
    forwards = [:]
    order = []
    for forward in all {
      for bound in forward.bindings.values { release(bound, why) }
    }
  }

  private func release(_ bound: Forward.Bound, _ why: BindingRelease) {
    surroundings.registry.release(bound.id, why: why)
    let counters = bound.counters
    surroundings.events(
      .closed(
        why: why, bytesToPublisher: counters.bytesToPublisher, bytesFromPublisher: counters.bytesFromPublisher,
        streams: counters.totalStreams), bound, bound.name.description)
  }
}

// MARK: - Deciding again

extension PublishedForwards {
  /// Attaches and detaches bindings as policy, session and routes now say; never refuses a forward after the fact.
  func reconsider(_ publisher: Publisher, isPermitted: Bool) -> [Change] {
    let table = surroundings.routes.current()
    let now = surroundings.clock()
    validUntil = nil
    var changes: [Change] = []
    for address in order {
      guard var forward = forwards[address] else { continue }
      let named = isPermitted ? forward.routes(in: table) : []
      let allowed = named.filter { isAllowed($0, publisher, now: now) }
      for (routeID, bound) in forward.bindings {
        let wanted: BindingState =
          if allowed.contains(where: { $0.id == routeID }) {
            .attached
          } else if named.contains(where: { $0.id == routeID }) || !isPermitted {
            .detached(.notPermitted)
          } else {
            .detached(.routeGone)
          }
        if let change = setState(wanted, bound, in: &forward) { changes.append(change) }
      }
      for route in allowed where forward.bindings[route.id] == nil {
        if case .success = bind(route, forward: &forward, publisher), let bound = forward.bindings[route.id] {
          changes.append(Change(bound: bound))
        }
      }
      forwards[address] = forward
    }
    return changes
  }

  private func setState(_ wanted: BindingState, _ bound: Forward.Bound, in forward: inout Forward) -> Change? {
    guard wanted != bound.state, let state = surroundings.registry.setState(bound.id, wanted), state != bound.state
    else { return nil }
    var changed = bound
    changed.state = state
    forward.bindings[bound.routeID] = changed
    switch state {
    case .attached: surroundings.events(.attached, changed, changed.name.description)
    case .detached(let reason): surroundings.events(.detached(reason), changed, changed.name.description)
    }
    return Change(bound: changed)
  }
}
