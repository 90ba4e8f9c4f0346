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
  private let observers = Mutex<[@Sendable (BindingChange) -> Void]>([])
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
      release(released, to: binding)
      tell(.changed(binding))
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
    release(change.released, to: change.binding)
    for notice in change.freed { notice() }
    tell(.changed(change.binding))
    return change.binding.state
  }

  /// Not within the call that made the binding: whoever made it, on the same loop perhaps, does not know it yet, and would
  /// refuse to open a stream through it.
  private func release(_ waiters: [RegistryState.Waiter], to binding: Binding) {
    for waiter in waiters {
      waiter.futureResult.eventLoop.execute { waiter.succeed(.binding(binding)) }
    }
  }

  /// Ends a binding.
  package func release(_ id: BindingID, why: BindingRelease) {
    let now = clock()
    for notice in state.withLock({ $0.release(id, why: why, now: now) }) { notice() }
    tell(.ended(id))
  }

  /// Names are kept no longer for people who may not publish them any more, or whose session this was; requests that wait
  /// for them are refused at once (security rule 26).
  package func reviewLeases(endedSession: String? = nil) {
    let over = state.withLock {
      $0.endLeases { lease in
        endedSession.map { $0 == lease.person.sessionID } == true || !lease.isStillAllowed()
      }
    }
    for waiter in over.waiters { waiter.succeed(.nothingToWaitFor) }
    for notice in over.freed { notice() }
  }

  /// Calls `observer` after each change of a binding, on the thread that made it.
  package func observe(_ observer: @escaping @Sendable (BindingChange) -> Void) {
    observers.withLock { $0.append(observer) }
  }

  private func tell(_ change: BindingChange) {
    for observer in observers.withLock({ $0 }) { observer(change) }
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

  /// The tunnel for one request. `sessionID`: who stays with a publisher, and with a sticky policy with a tunnel; the
  /// visitor's address where there is no session. `excluding` names those that have just refused the request. `publisher`:
  /// a tunnel of the person who had it first, whose others alone may have it then (security rule 1).
  package func pick(
    route: RouteID, host: HostName, sessionID: String? = nil, choice: TunnelChoice = .init(),
    excluding: Set<BindingID> = [], of publisher: Binding? = nil
  ) -> TunnelPick {
    let now = clock()
    return state.withLock {
      $0.pick(
        route: route, host: host, sessionID: sessionID, choice: choice, excluding: excluding, of: publisher, now: now)
    }
  }

  /// Waits for the tunnel that was lost a moment ago, of the same person only. Whoever asked and wants it no longer gives
  /// the place back by `cancel`.
  package func whenAvailable(_ wait: TunnelWait, on eventLoop: any EventLoop) -> TunnelWaiting {
    let now = clock()
    let promise = eventLoop.makePromise(of: TunnelWaitResult.self)
    let outcome = state.withLock { $0.park(wait, waiter: promise, now: now) }
    switch outcome {
    case .available(let binding): promise.succeed(.binding(binding))
    case .refused(let why): promise.succeed(why)
    case .parked(let id, let graceLeft):
      let timer = eventLoop.scheduleTask(in: .milliseconds(graceLeft)) { [self] in
        state.withLock { $0.unpark(id) }?.succeed(.graceOver)
      }
      promise.futureResult.whenComplete { _ in timer.cancel() }
      return TunnelWaiting(result: promise.futureResult) { [self] in
        state.withLock { $0.unpark(id) }?.succeed(.cancelled)
      }
    }
    return TunnelWaiting(result: promise.futureResult) {}
  }

  /// Requests that wait for a tunnel to come back.
  package var parkedCount: Int { state.withLock { $0.parked.count } }

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

/// What became of a binding.
package enum BindingChange: Sendable {
  /// It is new, or was attached or detached.
  case changed(Binding)
  case ended(BindingID)
}
