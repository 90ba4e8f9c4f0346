import NIOCore
import Policy
import Synchronization

/// Which tunnels back which routes: the place where publishers and visitors meet.
///
/// Keyed by (route, name, connection). A name is leased to one person while a tunnel of theirs is attached, and for
/// `reconnect_grace` after its connection was lost. All state is behind one lock; whoever is to be told is told after
/// the lock is released.
package final class TunnelRegistry: Sendable {
  private let state: Mutex<RegistryState>
  private let clock: UnixClock

  package init(configuration: TunnelRegistryConfiguration = .init(), clock: @escaping UnixClock) {
    state = Mutex(RegistryState(configuration: configuration))
    self.clock = clock
  }

  package func configure(_ configuration: TunnelRegistryConfiguration) {
    state.withLock { $0.configuration = configuration }
  }

  // MARK: Publishers

  /// With `waits`, a request that is refused because somebody else holds the name is remembered, and its `whenFree` called
  /// when that changes.
  package func bind(_ request: BindingRequest, waits: Bool = false) -> BindingResult {
    let now = clock()
    let outcome = state.withLock { $0.bind(request, waits: waits, now: now) }
    switch outcome {
    case .refused(let refusal): return .refused(refusal)
    case .bound(let binding, let probes, let released):
      for probe in probes { probe() }
      for waiter in released { waiter.succeed(binding) }
      return .bound(binding)
    }
  }

  /// Attaches or detaches a binding. The answer is the state it has then, which is another one where somebody else
  /// holds the name by now (`whenFree` tells when that changes); `nil` when the binding is gone. `isShared` is what the
  /// configuration says of the route now, if that is known.
  @discardableResult
  package func setState(_ id: BindingID, _ wanted: BindingState, isShared: Bool? = nil) -> BindingState? {
    let now = clock()
    guard let change = state.withLock({ $0.setState(id, wanted, isShared: isShared, now: now) }) else { return nil }
    for waiter in change.released { waiter.succeed(change.binding) }
    for notice in change.freed { notice() }
    return change.binding.state
  }

  /// Ends a binding.
  package func release(_ id: BindingID, why: BindingRelease) {
    let now = clock()
    for notice in state.withLock({ $0.release(id, why: why, now: now) }) { notice() }
  }

  /// The connection is over, and its bindings are released: nothing else of it stays.
  package func forget(connectionID: String) {
    state.withLock { $0.forget(connectionID: connectionID) }
  }

  /// When to ask again for a name that is kept for somebody whose connection was lost; nobody tells of that moment.
  package func firstLeaseEnd(connectionID: String) -> UnixTime? {
    let now = clock()
    return state.withLock { $0.firstLeaseEnd(connectionID: connectionID, now: now) }
  }

  /// The client of this connection has just proved that it is there.
  package func confirm(connectionID: String) {
    state.withLock { $0.setSuspect(false, connectionID: connectionID) }
  }

  /// The client of this connection lets a visitor wait: others of the same person are preferred until `confirm`.
  package func doubt(connectionID: String) {
    state.withLock { $0.setSuspect(true, connectionID: connectionID) }
  }

  /// Whether the same person has another tunnel for the same name that is in no doubt.
  package func hasAlternative(to id: BindingID) -> Bool { state.withLock { $0.hasAlternative(to: id) } }

  /// Whether nothing is heard of this tunnel's client, while another tunnel of the same person could serve.
  package func isSilent(_ id: BindingID) -> Bool {
    state.withLock { $0.isSuspect(id) && $0.hasAlternative(to: id) }
  }

  /// Kept for the person's own pages until the connection ends.
  package func note(_ refused: RefusedForward) { state.withLock { $0.note(refused) } }

  // MARK: Visitors

  /// The tunnel for one request. `excluding` names those that have just refused it.
  package func pick(
    route: RouteID, host: HostName, sessionID: String? = nil, excluding: Set<BindingID> = []
  ) -> TunnelPick {
    let now = clock()
    return state.withLock {
      $0.pick(route: route, host: host, sessionID: sessionID, excluding: excluding, now: now)
    }
  }

  /// Waits for the tunnel that was lost a moment ago, of the same person only. The answer is `nil` at once where there
  /// is nothing to wait for or too many wait already, and at the deadline; and when somebody else holds the name.
  package func whenAvailable(_ wait: TunnelWait, on eventLoop: any EventLoop, deadline: NIODeadline)
    -> EventLoopFuture<Binding?>
  {
    let now = clock()
    let promise = eventLoop.makePromise(of: Binding?.self)
    let outcome = state.withLock { $0.park(wait, waiter: promise, now: now) }
    switch outcome {
    case .available(let binding): promise.succeed(binding)
    case .refused: promise.succeed(nil)
    case .parked(let id, let graceLeft):
      let limit = min(deadline, eventLoop.now + .milliseconds(graceLeft))
      let timer = eventLoop.scheduleTask(deadline: limit) { [self] in
        state.withLock { $0.unpark(id) }?.succeed(nil)
      }
      promise.futureResult.whenComplete { [self] _ in
        timer.cancel()
        _ = state.withLock { $0.unpark(id) }
      }
    }
    return promise.futureResult
  }

  // MARK: Views

  /// Every binding, oldest first.
  package func bindings() -> [Binding] { state.withLock { $0.snapshot() } }

  package func binding(_ id: BindingID) -> Binding? { state.withLock { $0.binding(id) } }

  /// What this session's connections asked for in vain, oldest first.
  package func refusedForwards(sessionID: String) -> [RefusedForward] {
    state.withLock { $0.refused(sessionID: sessionID) }
  }

  /// For tests: nothing is left behind.
  var isEmpty: Bool { state.withLock { $0.isEmpty } }
}

/// A visitor's request that may wait for a tunnel; what its limits count.
package struct TunnelWait: Sendable {
  package var routeID: RouteID
  package var host: HostName
  package var sessionID: String?
  /// Counted on public routes, where there is no session.
  package var address: String

  package init(routeID: RouteID, host: HostName, sessionID: String?, address: String) {
    self.routeID = routeID
    self.host = host
    self.sessionID = sessionID
    self.address = address
  }
}
