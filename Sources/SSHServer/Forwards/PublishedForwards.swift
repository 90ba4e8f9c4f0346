import EdgeCrypto
import PlainText
import Policy
import Routing
import SSHProtocol

/// What one connection publishes: its forwards and their bindings in the registry. Lives on the connection's loop.
///
/// Every forward is decided when it is asked for, and again whenever the configuration, the session or the holder of a name
/// changes: then its bindings are attached or detached, and the connection stays as it is.
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
    /// Somebody else let go of a name that this connection waits for.
    let whenFree: @Sendable () -> Void
    /// Checks find the service behind a forward's binding in another state.
    let healthChanged: (ForwardAddress, RouteID) -> @Sendable () -> Void
    let traffic: TunnelTraffic
    let events: (TunnelEvent.Kind, _ bound: Forward.Bound?, _ name: String, DecisionExplanation?) -> Void
  }

  /// A binding that is not what it was.
  struct Change {
    let bound: Forward.Bound
  }

  let surroundings: Surroundings
  var forwards: [ForwardAddress: Forward] = [:]
  /// The order in which they were granted.
  private(set) var order: [ForwardAddress] = []

  init(_ surroundings: Surroundings) { self.surroundings = surroundings }

  var isEmpty: Bool { forwards.isEmpty }
  var count: Int { forwards.count }

  /// Every binding, in the order the forwards were granted.
  var bound: [Forward.Bound] { order.flatMap { forwards[$0]?.bound ?? [] } }

  /// The earliest moment at which a decision of the last `request` or `reconsider` may change by itself.
  private var decisionsEnd: UnixTime?

  var validUntil: UnixTime? {
    let lease = surroundings.registry.firstLeaseEnd(connectionID: surroundings.connectionID)
    guard let decisionsEnd, let lease else { return decisionsEnd ?? lease }
    return min(decisionsEnd, lease)
  }

  func forward(_ address: ForwardAddress) -> Forward? { forwards[address] }

  /// What the client of this forward does with its streams is known now, for good.
  func settle(_ address: ForwardAddress, _ destination: Forward.Destination) {
    if forwards[address]?.destination == .unknown { forwards[address]?.destination = destination }
  }

  func add(_ forward: Forward) {
    forwards[forward.address] = forward
    order.append(forward.address)
  }

  static func describe(_ address: ForwardAddress) -> String {
    let host = address.host.isEmpty ? "*" : address.host.printable(limit: 120)
    return "\(host):\(address.port)"
  }
}

@available(*, unavailable)
extension PublishedForwards: Sendable {}

extension Forward {
  /// Its bindings, oldest first.
  var bound: [Bound] { bindings.values.sorted { $0.id.rawValue < $1.id.rawValue } }
}

// MARK: - Decisions

extension PublishedForwards {
  func isAllowed(_ route: Route, _ forward: Forward, _ publisher: Publisher, now: UnixTime) -> Bool {
    let decision = publisher.decide(route, .name(forward.boundName(on: route).description), now: now)
    if let until = decision.validUntil { decisionsEnd = min(decisionsEnd ?? until, until) }
    return decision.isAllowed
  }

  /// With `waits`, whoever holds the name now is followed by this connection, once it is free.
  func bind(_ route: Route, forward: inout Forward, _ publisher: Publisher, waits: Bool) -> Result<Void, BindingRefusal>
  {
    let name = forward.boundName(on: route)
    let isShared = route.tunnel?.isShared ?? false
    var request = BindingRequest(
      routeID: route.id, name: name, scheme: route.origin.scheme, port: route.origin.port, isShared: isShared,
      requestedHost: forward.address.host, requestedPort: Int(forward.address.port), owner: publisher.subject,
      connectionID: surroundings.connectionID, opener: surroundings.opener(forward.address, route.id),
      probe: surroundings.probe, traffic: surroundings.traffic, whenFree: surroundings.whenFree)
    let (routes, clock) = (surroundings.routes, surroundings.clock)
    request.isStillAllowed = {
      routes.current().route(id: route.id).map { publisher.decide($0, .name(name.description), now: clock()).isAllowed }
        ?? false
    }
    request.healthChanged = surroundings.healthChanged(forward.address, route.id)
    switch surroundings.registry.bind(request, waits: waits) {
    case .bound(let binding):
      let bound = Forward.Bound(
        id: binding.id, routeID: route.id, origin: binding.origin, counters: binding.counters,
        health: binding.health, state: binding.state, isShared: isShared)
      forward.bindings[route.id] = bound
      surroundings.events(.opened, bound, name.description, nil)
      return .success(())
    case .refused(let refusal): return .failure(refusal)
    }
  }

  /// Attaches and detaches bindings as policy, session and routes now say; never refuses a forward after the fact.
  func reconsider(_ publisher: Publisher, isPermitted: Bool) -> [Change] {
    let table = surroundings.routes.current()
    let now = surroundings.clock()
    decisionsEnd = nil
    var changes: [Change] = []
    for address in order {
      guard var forward = forwards[address] else { continue }
      let named = isPermitted ? forward.routes(in: table) : []
      let allowed = named.filter { isAllowed($0, forward, publisher, now: now) }
      for bound in forward.bound {
        let route = allowed.first { $0.id == bound.routeID }
        let wanted: BindingState =
          if route != nil {
            .attached
          } else if named.contains(where: { $0.id == bound.routeID }) || !isPermitted {
            .detached(.notPermitted)
          } else {
            .detached(.routeGone)
          }
        let change = setState(wanted, isShared: route?.tunnel?.isShared, bound, in: &forward) {
          guard isPermitted, let route = named.first(where: { $0.id == bound.routeID }) else { return nil }
          return publisher.explain(route, .name(bound.name.description), now: now)
        }
        if let change { changes.append(change) }
      }
      for route in allowed where forward.bindings[route.id] == nil {
        if case .success = bind(route, forward: &forward, publisher, waits: true),
          let bound = forward.bindings[route.id]
        {
          changes.append(Change(bound: bound))
        }
      }
      releaseWhatIsGone(from: &forward)
      forwards[address] = forward
    }
    return changes
  }

  private func setState(
    _ wanted: BindingState, isShared: Bool?, _ bound: Forward.Bound, in forward: inout Forward,
    explanation: () -> DecisionExplanation?
  ) -> Change? {
    let isShared = isShared ?? bound.isShared
    guard wanted != bound.state || isShared != bound.isShared,
      let state = surroundings.registry.setState(bound.id, wanted, isShared: isShared)
    else { return nil }
    var changed = bound
    changed.state = state
    changed.isShared = isShared
    forward.bindings[bound.routeID] = changed
    guard state != bound.state else { return nil }
    switch state {
    case .attached: surroundings.events(.attached, changed, changed.name.description, nil)
    case .detached(let reason): surroundings.events(.detached(reason), changed, changed.name.description, explanation())
    }
    return Change(bound: changed)
  }

  /// A route that is gone is shown as long as nothing else stands for its forward: many changes of the configuration must
  /// not fill the connection with names of the past.
  private func releaseWhatIsGone(from forward: inout Forward) {
    guard forward.bindings.values.contains(where: \.state.isAttached) else { return }
    for bound in forward.bound where bound.state == .detached(.routeGone) {
      forward.bindings[bound.routeID] = nil
      release(bound, .cancelled)
    }
  }
}

// MARK: - Endings

extension PublishedForwards {
  /// `cancel-tcpip-forward`: open channels stay.
  func cancel(_ address: ForwardAddress) -> Bool {
    guard let forward = forwards.removeValue(forKey: address) else { return false }
    order.removeAll { $0 == address }
    for bound in forward.bound { release(bound, .cancelled) }
    return true
  }

  /// The connection is over.
  func releaseAll(_ why: BindingRelease) {
    let all = forwards.values
    forwards = [:]
    order = []
    for forward in all {
      for bound in forward.bound { release(bound, why) }
    }
    surroundings.registry.forget(connectionID: surroundings.connectionID)
  }

  private func release(_ bound: Forward.Bound, _ why: BindingRelease) {
    surroundings.registry.release(bound.id, why: why)
    let counters = bound.counters
    surroundings.events(
      .closed(
        why: why, bytesToPublisher: counters.bytesToPublisher, bytesFromPublisher: counters.bytesFromPublisher,
        streams: counters.totalStreams), bound, bound.name.description, nil)
  }
}
