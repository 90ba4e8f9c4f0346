import EdgeCrypto
import HTTPWire
import NIOCore
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
    // Where several people publish, a visitor without a session is known by their address.
    let visitorID = visitor?.sessionID ?? (plan.route.tunnel?.isShared == true ? clientAddress : nil)
    let pick = loop.shared.registry.pick(route: plan.route.id, host: name, sessionID: visitorID, excluding: tried)
    switch pick {
    case .binding(let binding):
      tellPublisher(binding)
      count(at: binding.counters)
      owner = plan.route.tunnel?.isShared == true || !OwnerMark.concerns(head) ? nil : binding.owner
      let target = plan.target()
      guard let opener = secured(binding.opener, to: target, plan) else { return }
      connect(.tunnel(binding.id, tls: tlsUse(target, plan)), through: opener, to: target, binding: binding.id)
    case .none(let reason):
      if let lastFailure {
        refuse(lastFailure)
        return
      }
      switch reason {
      case .neverConnected: refuse(.noTunnel(plan.route))
      case .detached: refuse(.ownerMayNotPublish(plan.route))
      case .reconnecting: park(plan, name)
      }
    }
  }

  private func findAddress(_ plan: RoutePlan) {
    guard let target = plan.target(), lastFailure == nil else {
      refuse(lastFailure ?? .serviceRefused(plan.route))
      return
    }
    guard let opener = secured(TCPStreamOpener(host: target.host, port: target.port), to: target, plan) else { return }
    connect(
      .direct(host: target.host, port: target.port, tls: tlsUse(target, plan)), through: opener, to: target,
      binding: nil)
  }

  private func tlsUse(_ target: RouteTarget?, _ plan: RoutePlan) -> UpstreamTLSUse? {
    guard target?.scheme == .https, let grant else { return nil }
    return UpstreamTLSUse(route: plan.route.id, generation: grant.generation)
  }

  /// With TLS where the target says so; `nil` when the request has been refused.
  private func secured(_ opener: any StreamOpener, to target: RouteTarget?, _ plan: RoutePlan) -> (any StreamOpener)? {
    guard let target else { return opener }
    switch target.scheme {
    case .http: return opener
    case .https:
      let settings = plan.route.http.upstreamTLS
      do throws(CryptoError) {
        return TLSStreamOpener(
          inner: opener, context: try loop.shared.upstreamTLS.context(settings),
          serverName: settings.serverName ?? target.host)
      } catch {
        refuse(.serviceBroke(plan.route, error.description))
        return nil
      }
    case .h2c, .tcp, .ssh:
      refuse(.serviceBroke(plan.route, "the edge does not speak \(target.scheme.rawValue) to services yet"))
      return nil
    }
  }

  /// The tunnel was lost a moment ago. The request waits, its body unread (security rule 26).
  private func park(_ plan: RoutePlan, _ name: HostName) {
    state = .waiting
    let wait = TunnelWait(
      routeID: plan.route.id, host: name, sessionID: visitor?.sessionID, address: clientAddress)
    loop.shared.registry.whenAvailable(wait, on: loop.eventLoop, deadline: .now() + .seconds(60))
      .assumeIsolated().whenComplete { result in
        guard case .waiting = self.state else { return }
        guard case .success(.some) = result else {
          self.refuse(.tunnelReconnecting(plan.route))
          return
        }
        // Decided anew: time has passed (security rule 28).
        if self.stillMay() { self.findService() }
      }
  }

  private func connect(
    _ key: UpstreamKey, through opener: any StreamOpener, to target: RouteTarget?, binding: BindingID?
  ) {
    upstreamName = key.text
    stopWaiting()
    if !isLasting,
      let connection = loop.pool.take(key, session: visitor?.sessionID, canRetry: canRetry && !hasRetried)
    {
      start(on: connection)
      return
    }
    state = .waiting
    let shelf = loop.pool.shelf(key, load: opener.load)
    let waiter = UpstreamWaiter(session: visitor?.sessionID) { [weak self] connection, waiter in
      self?.isServed(by: connection, waiter) ?? false
    }
    wait = (waiter, shelf)
    var request = StreamRequest(
      originatorAddress: clientAddress, originatorPort: clientAddress == peerAddress ? side.remotePort : 0,
      destinationHost: target?.host ?? "localhost",
      destinationPort: target?.port ?? 80)
    request.claim = waiter.claim
    request.isLasting = isLasting
    if !isLasting { loop.pool.wait(waiter, on: shelf) }
    opener.open(request, on: loop.eventLoop).assumeIsolated().whenComplete { result in
      self.opened(result, for: waiter, shelf, binding: binding)
    }
  }

  /// What will probably stay open takes a channel for itself, and not one of the last (ssh.md 3.5).
  private var isLasting: Bool {
    guard grant?.upgrade == nil else { return true }
    guard let head, let field = head.headers.firstField(.accept) else { return false }
    return head.headers.valueEquals(field, "text/event-stream")
  }

  /// A connection has become free before the stream opened that was asked for.
  private func isServed(by connection: UpstreamConnection, _ waiter: UpstreamWaiter) -> Bool {
    guard case .waiting = state, wait?.waiter === waiter else { return false }
    wait = nil
    waiter.claim.withdraw()
    guard stillMay() else { return false }
    start(on: connection)
    return true
  }

  /// The request is answered, or over.
  func stopWaiting() {
    guard let (waiter, shelf) = wait else { return }
    wait = nil
    loop.pool.stopWaiting(waiter, on: shelf)
    waiter.claim.withdraw()
  }

  private func opened(
    _ result: Result<NIOLoopBound<any ByteStream>, any Error>, for waiter: UpstreamWaiter, _ shelf: UpstreamShelf,
    binding: BindingID?
  ) {
    let isWaited = wait?.waiter === waiter
    if isWaited {
      wait = nil
      loop.pool.stopWaiting(waiter, on: shelf)
    }
    switch result {
    case .success(let stream):
      let connection = UpstreamConnection(stream: stream.value, shelf: shelf, pool: loop.pool)
      guard isWaited, case .waiting = state, stillMay() else {
        // Another request may want it.
        connection.offer()
        return
      }
      start(on: connection)
    case .failure(let error):
      guard isWaited, case .waiting = state, let plan else { return }
      if let binding { tried.insert(binding) }
      // A tunnel that was lost before it was asked has refused nothing, and its person may be back in a moment.
      if binding == nil || error as? StreamOpenFailure != .gone {
        openFailures += 1
        lastFailure = Self.refusal(for: error, plan.route)
      }
      if stillMay() { findService() }
    }
  }

  private static func refusal(for error: any Error, _ route: Route) -> VisitorRefusal {
    guard let failure = error as? StreamOpenFailure else { return .serviceRefused(route) }
    switch failure {
    case .refused: return .serviceRefused(route)
    case .outOfResources: return .serviceOutOfResources(route)
    case .timedOut: return .timedOut(route)
    case .gone: return .noTunnel(route)
    case .notPermitted: return .ownerMayNotPublish(route)
    case .untrusted(let reason): return .serviceBroke(route, reason)
    case .wrongForwardKind:
      return .serviceBroke(route, "the tunnel speaks SOCKS where a plain one is expected, or the other way round")
    }
  }

  /// Whether what admitted the request holds, after time has passed. If not, the visitor has been answered.
  private func stillMay() -> Bool {
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

  private func start(on connection: UpstreamConnection) {
    guard let head, let plan, let grant else { return }
    state = .relaying
    upstream = connection
    if let openStream, case .tunnel(let binding, _) = connection.key {
      loop.shared.openStreams.move(openStream, to: binding)
    }
    waitingSince = loop.now
    var identity: HeaderList?
    if plan.route.http.passesIdentityHeaders, grant.tellsIdentity, let visitor = grant.visitor,
      let name = head.authority?.host
    {
      identity = visitor.fields(
        for: plan, host: HostName(name)?.text ?? name, identity: loop.shared.identity, now: loop.shared.clock())
    }
    if head.hasBody { connection.restrict(to: visitor?.sessionID) }
    if loop.pool.mode == .session { connection.restrict(to: visitor?.sessionID) }
    for field in head.headers.fields
    where field.kind == .authorization && Self.bindsConnection(head.headers.value(field)) {
      connection.taint()
    }
    connection.begin(
      self,
      request: RequestRewriter(
        head: head, plan: plan, cookies: loop.cookies, upgrade: grant.upgrade, peerAddress: peerAddress,
        isFromTrustedProxy: isFromTrustedProxy, scheme: scheme(of: head),
        requestID: requestID, identityFields: identity))
    if requestEnded {
      connection.sendEnd(trailers: nil)
      connection.flush()
    } else if head.hasBody {
      // The service may want to look at the head before the body comes.
      connection.flush()
      side.bodyDemandChanged()
    }
  }

  /// How the visitor came. Where TLS ends before us, whoever ends it says so.
  private func scheme(of head: RequestHead) -> String {
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
    if stillMay() { findService() }
  }
}
