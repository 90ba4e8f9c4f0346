import HTTPWire
import Logging
import NIOCore
import PlainText
import Policy
import Routing

/// Finding the service: a tunnel, or an address; a connection that waits for work, or a new stream.
extension Exchange {
  func findService() {
    guard let plan, let head else { return }
    guard plan.route.tunnel != nil else {
      findAddress(plan)
      return
    }
    guard let name = head.authority.flatMap({ HostName($0.host) }) else { return }
    if openFailures > 1, let lastFailure {
      // One other tunnel is tried, not all (security rule 26).
      refuse(lastFailure)
      return
    }
    let pick = loop.shared.registry.pick(
      route: plan.route.id, host: name, sessionID: visitorID, choice: plan.route.balance.tunnels, excluding: tried,
      of: publisher)
    switch pick {
    case .binding(let binding):
      publisher = publisher ?? binding
      tellPublisher(binding)
      count(at: binding.counters)
      owner = plan.route.tunnel?.isShared == true || !OwnerMark.concerns(head) ? nil : binding.owner
      let target = plan.targets.any(visitor: visitorID)
      self.target = target
      let speech = speech(to: target, plan)
      guard let opener = secured(binding.opener, to: target, speaking: speech, plan) else { return }
      connect(
        .tunnel(binding.id, host: target?.host ?? "", port: target?.port ?? 0, speech), through: opener, to: target,
        binding: binding.id)
    case .none(let reason):
      if let lastFailure {
        refuse(lastFailure)
        return
      }
      switch reason {
      case .neverConnected: refuse(loop.isDraining ? .drainingDown : .noTunnel(plan.route))
      case .detached: refuse(.ownerMayNotPublish(plan.route))
      case .unhealthy: refuse(.serviceUnhealthy(plan.route))
      case .reconnecting: park(plan, name)
      }
    }
  }

  /// By whom a visitor is known where it matters who comes: to publishers of a shared route, and to sticky policies.
  private var visitorID: String { visitor?.sessionID ?? clientAddress }

  private func findAddress(_ plan: RoutePlan) {
    if openFailures > 1, let lastFailure {
      refuse(lastFailure)
      return
    }
    guard let place = plan.targets.choose(visitor: visitorID, excluding: triedTarget) else {
      refuse(lastFailure ?? .serviceUnhealthy(plan.route))
      return
    }
    let target = plan.route.targets[place]
    self.target = target
    targetPlace = place
    count(at: plan.targets.members[place].counters)
    let speech = speech(to: target, plan)
    let plain = TCPStreamOpener(host: target.host, port: target.port)
    guard let opener = secured(plain, to: target, speaking: speech, plan) else { return }
    connect(.direct(host: target.host, port: target.port, speech), through: opener, to: target, binding: nil)
  }

  /// The tunnel was lost a moment ago. The request waits, its body unread (security rule 26).
  private func park(_ plan: RoutePlan, _ name: HostName) {
    // An edge that is going takes no publisher back.
    if loop.isDraining { return refuse(.drainingDown) }
    state = .waiting
    count(at: nil)
    var wanted = TunnelWait(
      routeID: plan.route.id, host: name, sessionID: visitor?.sessionID, address: clientAddress,
      choice: plan.route.balance.tunnels)
    wanted.excluding = tried
    wanted.publisher = publisher
    let waiting = loop.shared.registry.whenAvailable(wanted, on: loop.eventLoop)
    parked = waiting
    waiting.result.assumeIsolated().whenComplete { result in
      self.parked = nil
      guard case .waiting = self.state, case .success(let outcome) = result else { return }
      switch outcome {
      case .binding(let binding):
        self.publisher = self.publisher ?? binding
        // The service has as long as for a request that did not wait.
        self.waitingSince = .now()
        // Decided anew: time has passed (security rule 28).
        if self.stillMay() { self.findService() }
      case .tooMany: self.refuse(.tooBusy)
      case .graceOver: self.refuse(.tunnelReconnecting(plan.route))
      case .nothingToWaitFor: self.refuse(.noTunnel(plan.route))
      case .cancelled: break
      }
    }
  }

  /// The edge is shutting down: what waits for a tunnel waits in vain.
  func drain() {
    guard let parked else { return }
    self.parked = nil
    parked.cancel()
    refuse(.drainingDown)
  }

  /// The request is answered, or over: its places are free for others.
  func stopWaiting() {
    if let parked {
      self.parked = nil
      parked.cancel()
    }
    guard let (waiter, shelf) = wait else { return }
    wait = nil
    loop.pool.stopWaiting(waiter, on: shelf)
    waiter.claim.withdraw()
  }

  /// One way was of no use: perhaps there is another.
  func couldNotOpen(_ error: any Error, binding: BindingID?) {
    guard let plan else { return }
    if let binding { tried.insert(binding) } else { triedTarget = targetPlace }
    // A tunnel that was lost before it was asked has refused nothing, and its person may be back in a moment.
    if binding == nil || error as? StreamOpenFailure != .gone {
      openFailures += 1
      lastFailure = refusal(for: error, plan.route)
    }
    if stillMay() { findService() }
  }

  private func refusal(for error: any Error, _ route: Route) -> VisitorRefusal {
    guard let failure = error as? StreamOpenFailure else { return .serviceRefused(route) }
    switch failure {
    case .refused(let words):
      // The addresses of `to` are the edge's own business: what is wrong with them is for its log.
      if route.tunnel == nil {
        loop.shared.logger.notice(
          "service not reached",
          metadata: [
            "route": "\(route.id)", "upstream": "\(upstreamName ?? "")", "problem": "\(words.printable())",
            "request-id": "\(requestID.text)",
          ])
      }
      return .serviceRefused(route)
    case .outOfResources: return .serviceOutOfResources(route)
    case .timedOut: return .timedOut(route)
    case .gone: return .noTunnel(route)
    case .notPermitted: return .ownerMayNotPublish(route)
    case .untrusted(let reason), .unusable(let reason): return .serviceBroke(route, reason)
    case .wrongForwardKind:
      return .serviceBroke(route, "the tunnel speaks SOCKS where a plain one is expected, or the other way round")
    }
  }

  /// Whether what admitted the request holds, after time has passed. If not, the visitor has been answered.
  func stillMay() -> Bool {
    guard let head, let plan, let grant else { return false }
    if grant.generation == loop.routes().generation, grant.epoch == loop.shared.currentEpoch {
      return true
    }
    let verdict = Admission.again(head, plan: plan, grant: grant, remoteAddress: clientAddress, loop: loop)
    guard case .relay(let plan, let grant) = verdict else {
      perform(verdict)
      return false
    }
    self.plan = plan
    self.grant = grant
    return true
  }

  func start(on connection: any ServiceSide) {
    guard let head, let plan, let grant else { return }
    state = .relaying
    upstream = connection
    askedAt = .now()
    if let openStream, let binding = connection.key.binding {
      loop.shared.openStreams.move(openStream, to: binding)
    }
    waitingSince = loop.now
    let identity = knowledgeFields(head, plan, grant)
    if head.hasBody { connection.noteBody(of: visitor?.sessionID) }
    if loop.pool.mode == .session || sharing == .session { connection.restrict(to: visitor?.sessionID) }
    if sharing == .off { connection.taint() }
    for field in head.headers.fields
    where field.kind == .authorization && Self.bindsConnection(head.headers.value(field)) {
      connection.taint()
    }
    connection.begin(
      self,
      request: RequestRewriter(
        head: head, plan: plan, cookies: loop.cookies, upgrade: grant.upgrade, peerAddress: peerAddress,
        isFromTrustedProxy: isFromTrustedProxy,
        skipsPeer: loop.configuration.skipsForwardedAppend, scheme: scheme(of: head),
        requestID: requestID, identityFields: identity, target: target, servicePath: grant.servicePath,
        dropsAuthorization: grant.bearer?.isInAuthorization == true))
    if requestEnded {
      connection.sendEnd(trailers: requestTrailers)
      connection.flush()
    } else if head.hasBody {
      // The service may want to look at the head before the body comes.
      connection.flush()
      side.bodyDemandChanged()
    }
  }

  /// How the visitor came. Where TLS ends before us, whoever ends it says so.
  func scheme(of head: RequestHead) -> String {
    if loop.configuration.tls != nil { return "https" }
    guard isFromTrustedProxy, let field = head.headers.firstField(.xForwardedProto) else { return "http" }
    return head.headers.valueEquals(field, "https") ? "https" : "http"
  }

  /// NTLM and Negotiate authenticate the connection, not the request (security rule 25).
  static func bindsConnection(_ value: String) -> Bool {
    let lowered = value.lowercased()
    return lowered.hasPrefix("ntlm") || lowered.hasPrefix("negotiate")
  }

  /// The service broke off before a byte of its answer came: a kept connection may have been too old, and a tunnel that was
  /// lost may have others beside it, or come back.
  func retry() {
    hasRetried = true
    state = .waiting
    upstream = nil
    brokenBy = nil
    if stillMay() { findService() }
  }
}
