import EdgeCrypto
import Logging
import NIOCore
import Routing
import Synchronization

/// Checks the members of the routes that ask for it: every attached tunnel, and every address that is dialled. What has no
/// checks costs nothing; a member's timers end with it.
final class HealthSupervisor: Sendable {
  private enum Member: Hashable {
    case tunnel(BindingID)
    case address(RouteID, Int)
  }

  private struct Checked {
    let plan: HealthPlan
    let health: MemberHealth
    /// Of an address: what loops that come to it later find.
    let address: UpstreamMember?
    let eventLoop: any EventLoop
    let checks: NIOLoopBoundBox<MemberChecks?>
  }

  private struct State {
    var members: [Member: Checked] = [:]
    var counts: [RouteID: HealthCounts] = [:]
    var isStopped = false
  }

  private let shared: SharedState
  private let group: any EventLoopGroup
  private let state = Mutex(State())

  init(shared: SharedState, group: any EventLoopGroup) {
    self.shared = shared
    self.group = group
  }

  /// Follows tunnels from here on.
  func start() {
    shared.registry.observe { [weak self] change in
      switch change {
      case .changed(let binding): self?.follow(binding.id)
      case .ended(let id): self?.end(.tunnel(id))
      }
    }
    routesChanged()
  }

  /// Other routes are in force: members that are checked in the same way go on.
  func routesChanged() {
    let table = shared.routes.current()
    for route in table.routes where route.tunnel == nil {
      for (place, target) in route.targets.enumerated() where !route.balance.healthChecks.isEmpty {
        begin(.address(route.id, place), HealthPlan(route, target: target), route) { [shared] in
          let members = shared.members.members(of: route)
          guard members.indices.contains(place) else { return nil }
          return Found(
            health: members[place].health, address: members[place],
            opener: TCPStreamOpener(host: target.host, port: target.port), name: "\(target.host):\(target.port)")
        }
      }
    }
    for binding in shared.registry.bindings() { follow(binding.id) }
    let gone = state.withLock { state in
      state.counts = state.counts.filter { id, _ in
        table.routes.contains { $0.id == id && !$0.balance.healthChecks.isEmpty }
      }
      return state.members.keys.filter { member in
        guard case .address(let id, let place) = member else { return false }
        return !table.routes.contains {
          $0.id == id && $0.tunnel == nil && !$0.balance.healthChecks.isEmpty && place < $0.targets.count
        }
      }
    }
    for member in gone { end(member) }
  }

  func stop() {
    let members = state.withLock { state in
      state.isStopped = true
      return Array(state.members.keys)
    }
    for member in members { end(member) }
  }

  /// What the checks of each route came to.
  var counts: [RouteID: HealthCounts] {
    state.withLock { state in
      var counts = state.counts
      for (member, checked) in state.members {
        if case .address = member { counts[checked.plan.route, default: .init()].note(checked.health.status) }
      }
      return counts
    }
  }

  private func follow(_ id: BindingID) {
    // As it is now: news of several changes may come in another order than they happened.
    guard let binding = shared.registry.binding(id), binding.state.isAttached, binding.origin.scheme.isWeb,
      let route = shared.routes.current().route(id: binding.routeID), !route.balance.healthChecks.isEmpty
    else { return end(.tunnel(id)) }
    begin(.tunnel(id), HealthPlan(route, target: route.targets.first), route) { [shared] in
      guard let binding = shared.registry.binding(id) else { return nil }
      return Found(
        health: binding.health, opener: binding.opener, name: id.description, changed: binding.healthChanged)
    }
  }

  private struct Found {
    let health: MemberHealth
    var address: UpstreamMember?
    let opener: any StreamOpener
    let name: String
    var changed: @Sendable () -> Void = {}
  }

  /// `find` is asked while nothing can end the member unseen.
  private func begin(_ member: Member, _ plan: HealthPlan, _ route: Route, _ find: () -> Found?) {
    let replaced: Checked? = state.withLock { state in
      let present = state.members[member]
      guard !state.isStopped, present?.plan != plan, let found = find() else { return nil }
      let eventLoop = group.next()
      let box = NIOLoopBoundBox<MemberChecks?>.makeEmptyBox(eventLoop: eventLoop)
      found.health.set(.unknown)
      if state.counts[route.id] == nil { state.counts[route.id] = HealthCounts() }
      state.members[member] = Checked(
        plan: plan, health: found.health, address: found.address, eventLoop: eventLoop, checks: box)
      let shared = shared
      eventLoop.execute { [weak self] in
        let checks = MemberChecks(
          plan, of: found.health, on: eventLoop,
          open: { check throws(StreamOpenFailure) in try shared.secured(found.opener, plan, check) }
        ) { self?.note($0, plan, found.name, found.changed) }
        box.value = checks
        checks.start()
      }
      return present
    }
    if let replaced { Self.stop(replaced) }
  }

  private func end(_ member: Member) {
    guard let checked = state.withLock({ $0.members.removeValue(forKey: member) }) else { return }
    Self.stop(checked, andForget: true)
  }

  /// What was found out counts no more with `andForget`.
  private static func stop(_ checked: Checked, andForget: Bool = false) {
    checked.eventLoop.execute {
      checked.checks.value?.stop()
      checked.checks.value = nil
      if andForget { checked.health.set(.unchecked) }
    }
  }

  private func note(_ news: MemberNews, _ plan: HealthPlan, _ name: String, _ changed: @Sendable () -> Void) {
    state.withLock { state in
      if news.passed { state.counts[plan.route]?.passed &+= 1 } else { state.counts[plan.route]?.failed &+= 1 }
    }
    guard news.isNews else { return }
    shared.logger.notice(
      news.status == .unhealthy ? "service is unhealthy" : "service is healthy",
      metadata: ["route": "\(plan.route)", "upstream": "\(name)", "problem": "\(news.reason)"])
    changed()
  }
}

/// What health checks of one route came to.
package struct HealthCounts: Sendable, Equatable {
  package var passed: UInt64 = 0
  package var failed: UInt64 = 0
  /// Addresses of `to`, now.
  package private(set) var healthy = 0
  package private(set) var unhealthy = 0
  package private(set) var unknown = 0

  package init() {}

  package mutating func note(_ status: MemberHealth.Status) {
    switch status {
    case .healthy: healthy += 1
    case .unhealthy: unhealthy += 1
    case .unknown, .unchecked: unknown += 1
    }
  }
}

extension SharedState {
  /// With TLS where the target wants it.
  fileprivate func secured(
    _ opener: any StreamOpener, _ plan: HealthPlan, _ check: HealthCheck
  ) throws(StreamOpenFailure) -> any StreamOpener {
    guard let target = plan.target, target.scheme == .https else { return opener }
    do throws(CryptoError) {
      return TLSStreamOpener(
        inner: opener, context: try upstreamTLS.context(plan.tls, onlyHTTP1: !check.probe.speaksHTTP2),
        serverName: plan.tls.serverName ?? target.host)
    } catch {
      throw .untrusted(error.description)
    }
  }
}

extension HealthCheck.Probe {
  fileprivate var speaksHTTP2: Bool {
    switch self {
    case .http(_, _, _, let speaksHTTP2): speaksHTTP2
    case .grpc: true
    case .tcp: false
    }
  }
}
