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

  package func bind(_ request: BindingRequest) -> BindingResult {
    let now = clock()
    let outcome = state.withLock { $0.bind(request, now: now) }
    switch outcome {
    case .refused(let refusal): return .refused(refusal)
    case .bound(let binding, let probes, let released):
      for probe in probes { probe() }
      for waiter in released { waiter.succeed(binding) }
      return .bound(binding)
    }
  }

  /// Attaches or detaches a binding. The answer is the state it has then, which is another one where somebody else
  /// holds the name by now; `nil` when the binding is gone.
  @discardableResult
  package func setState(_ id: BindingID, _ wanted: BindingState) -> BindingState? {
    let now = clock()
    guard let change = state.withLock({ $0.setState(id, wanted, now: now) }) else { return nil }
    for waiter in change.released { waiter.succeed(change.binding) }
    return change.binding.state
  }

  /// Ends a binding.
  package func release(_ id: BindingID, why: BindingRelease) {
    let now = clock()
    state.withLock { $0.release(id, why: why, now: now) }
  }

  /// The client of this connection has just proved that it is there.
  package func confirm(connectionID: String) {
    state.withLock { $0.confirm(connectionID: connectionID) }
  }

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
