import EdgeCrypto
import Identity
import Logging
import NIOCore
import Policy
import ProxyProtocol
import Routing
import Synchronization

/// The address for visitors is bound, the one that redirects to it cannot be.
package struct RedirectListenFailure: Error {
  package var cause: any Error
}

/// The HTTPS front door: accepts visitors, asks whether they may, and relays them to the services behind the routes.
package final class HTTPProxy: Sendable {
  private struct State {
    var configuration: HTTPProxyConfiguration
    var loops: [NIOLoopBound<LoopState>] = []
    /// Of each loop, what it has to look at again.
    var reviews: [PendingReviews] = []
    var listeners: [any Channel] = []
  }

  private let state: Mutex<State>
  private let shared: SharedState
  private let group: any EventLoopGroup
  private let health: HealthSupervisor

  package init(
    configuration: HTTPProxyConfiguration, routes: CurrentRoutes, registry: TunnelRegistry, openStreams: OpenStreams,
    identity: any VisitorIdentity, pages: any PageSource, group: any EventLoopGroup, clock: @escaping UnixClock,
    accessLog: AccessLog = .none, witness: (any VisitWitness)? = nil, logger: Logger
  ) {
    shared = SharedState(
      routes: routes, registry: registry, openStreams: openStreams, identity: identity, pages: pages, clock: clock,
      accessLog: accessLog, witness: witness, logger: logger)
    state = Mutex(State(configuration: configuration))
    self.group = group
    health = HealthSupervisor(shared: shared, group: group)
  }

  /// Binds and accepts; returns when visitors can come.
  /// - Parameters:
  ///   - inherited: sockets that listen already, taken instead of the configured addresses.
  ///   - inheritedRedirects: the same for the addresses that redirect.
  package func start(
    inherited: [NIOBSDSocket.Handle] = [], inheritedRedirects: [NIOBSDSocket.Handle] = []
  ) async throws {
    let configuration = state.withLock { $0.configuration }
    var loops: [NIOLoopBound<LoopState>] = []
    let shared = self.shared
    for eventLoop in group.makeIterator() {
      loops.append(
        try await eventLoop.submit {
          NIOLoopBound(
            LoopState(eventLoop: eventLoop, shared: shared, configuration: configuration), eventLoop: eventLoop)
        }.get())
    }
    shared.identity.onChange { [weak self] change in
      switch change {
      case .ended(sessionID: let id), .changed(sessionID: let id), .browserEnded(sessionID: let id),
        .tokenRevoked(_, sessionID: let id):
        self?.reconsider(.session(id))
      case .bindingRevoked: break
      }
    }
    let listener = Listener(group: group, shared: shared, loops: loops)
    var listeners: [any Channel] = []
    do {
      for socket in inherited { listeners.append(try await listener.adopt(socket, .visitors)) }
      for address in configuration.addresses where inherited.isEmpty {
        listeners += try await listener.bind(address, .visitors)
      }
      do {
        for socket in inheritedRedirects { listeners.append(try await listener.adopt(socket, .redirects)) }
        for address in configuration.redirectAddresses where inheritedRedirects.isEmpty {
          listeners += try await listener.bind(address, .redirects)
        }
      } catch {
        throw RedirectListenFailure(cause: error)
      }
    } catch {
      for bound in listeners { try? await bound.close() }
      throw error
    }
    let (started, bound) = (loops, listeners)
    state.withLock {
      $0.loops = started
      $0.reviews = started.map { _ in PendingReviews() }
      $0.listeners = bound
    }
    health.start()
    shared.logger.info(
      "starting HTTP listener",
      metadata: [
        "address": "\(bound.compactMap { $0.localAddress?.endpointText }.joined(separator: ", "))",
        "tls": "\(configuration.tls != nil)",
      ])
  }

  /// The port that is listened on; of use where the configuration says 0.
  package var port: Int? { ports.first }

  /// Of all doors, those for visitors first.
  package var ports: [Int] { state.withLock { $0.listeners.compactMap { $0.localAddress?.port } } }

  /// What health checks came to, of each route that has some.
  package var healthCounts: [RouteID: HealthCounts] { health.counts }

  package var connectionCount: Int { shared.connectionCount.load(ordering: .relaxed) }

  /// What was counted since the start; every loop adds its part.
  package func counts() async -> HTTPCounts {
    var sum = HTTPCounts()
    for loop in state.withLock({ $0.loops }) {
      let part = try? await loop.eventLoop.submit {
        var part = loop.value.tally.counts
        part.idleUpstreams = loop.value.pool.count
        return part
      }.get()
      if let part { sum.add(part) }
    }
    sum.connections = connectionCount
    return sum
  }

  // MARK: Changes while running

  /// Everything that was admitted is decided again: after a reload, or when a session changed or ended.
  package func reconsider(_ scope: ReconsiderScope) {
    // First what was remembered is worth nothing any more, then those who live by it are asked.
    shared.epoch.wrappingAdd(1, ordering: .acquiringAndReleasing)
    guard scope == .everything else { return reviewSoon(scope) }
    // Not joined with a pass that waits: that one may come before the loop has its new configuration.
    onEachLoop { $0.reconsider(Review(.everything)) }
    health.routesChanged()
  }

  private func reviewSoon(_ scope: ReconsiderScope) {
    let (loops, reviews) = state.withLock { ($0.loops, $0.reviews) }
    for (loop, reviews) in zip(loops, reviews) where reviews.add(scope) {
      loop.eventLoop.execute { loop.value.reconsider(reviews.take()) }
    }
  }

  /// While the store is lost nobody can say whose session has been ended elsewhere: requests that rest on one get 503 (security
  /// rule 30). What is open stays.
  package func setStoreLost(_ isLost: Bool) { shared.isStoreLost.store(isLost, ordering: .relaxed) }

  /// What new connections are shown; nil without TLS.
  package var tls: TLSServerContext? { state.withLock { $0.configuration.tls } }

  /// Another configuration. The address stays the one that was bound.
  package func replace(_ configuration: HTTPProxyConfiguration) {
    state.withLock { $0.configuration = configuration }
    onEachLoop { $0.replace(configuration) }
    reconsider(.everything)
  }

  private func onEachLoop(_ body: @escaping @Sendable (LoopState) -> Void) {
    let loops = state.withLock { $0.loops }
    for loop in loops {
      loop.eventLoop.execute { body(loop.value) }
    }
  }

  // MARK: The end

  /// Stops accepting, lets requests finish, and ends at the deadline whatever is left.
  package func drain(deadline: NIODeadline) async {
    let (loops, listeners) = state.withLock { state in
      defer { state.listeners = [] }
      return (state.loops, state.listeners)
    }
    for listener in listeners { try? await listener.close() }
    health.stop()
    var pending: [EventLoopFuture<Void>] = []
    for loop in loops {
      let eventLoop = loop.eventLoop
      let promise = eventLoop.makePromise(of: Void.self)
      eventLoop.execute { loop.value.drain { promise.succeed(()) } }
      let timer = eventLoop.scheduleTask(deadline: deadline) { promise.succeed(()) }
      promise.futureResult.whenComplete { _ in timer.cancel() }
      pending.append(promise.futureResult)
    }
    for future in pending { try? await future.get() }
    for loop in loops {
      try? await loop.eventLoop.submit { loop.value.endEverything() }.get()
    }
  }
}
