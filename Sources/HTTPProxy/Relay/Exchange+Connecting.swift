import EdgeCrypto
import HTTPWire
import NIOCore
import Routing

/// A connection to the service that was found: one that has room, one that becomes free, or a new one.
extension Exchange {
  /// One connection to be made.
  private struct Opening {
    let opener: any StreamOpener
    let request: StreamRequest
    let shelf: UpstreamShelf
    let binding: BindingID?
    /// It carries this exchange and no other.
    let isAlone: Bool
    /// Others wait for it too.
    let isForAll: Bool
  }

  // MARK: What is spoken

  /// As the target's scheme says; nil for one that carries no HTTP.
  func speech(to target: RouteTarget?, _ plan: RoutePlan) -> UpstreamSpeech {
    guard let target, let grant else { return .http1 }
    switch target.scheme {
    case .https:
      // WebSockets work with every service over HTTP/1.1, and NTLM with none over HTTP/2.
      return .tls(
        UpstreamTLSUse(route: plan.route.id, generation: grant.generation),
        onlyHTTP1: needsHTTP1 || grant.upgrade != nil || bindsItsConnection)
    case .h2c: return .http2
    case .http, .tcp, .ssh: return .http1
    }
  }

  /// With TLS where that is spoken; `nil` when the request has been refused.
  func secured(
    _ opener: any StreamOpener, to target: RouteTarget?, speaking speech: UpstreamSpeech, _ plan: RoutePlan
  ) -> (any StreamOpener)? {
    guard let target else { return opener }
    if target.scheme == .tcp || target.scheme == .ssh {
      refuse(.serviceBroke(plan.route, "the route leads to \(target.scheme.rawValue), which carries no web pages"))
      return nil
    }
    guard case .tls(_, let onlyHTTP1) = speech else { return opener }
    do throws(CryptoError) {
      return TLSStreamOpener(
        inner: opener, context: try plan.tlsContext(loop.shared.upstreamTLS, onlyHTTP1: onlyHTTP1),
        serverName: plan.route.http.upstreamTLS.serverName ?? target.host)
    } catch {
      refuse(.serviceBroke(plan.route, error.description))
      return nil
    }
  }

  /// Whether it authenticates the connection instead of itself.
  private var bindsItsConnection: Bool {
    guard let head else { return false }
    for field in head.headers.fields
    where field.kind == .authorization && Self.bindsConnection(head.headers.value(field)) {
      return true
    }
    return false
  }

  /// What will probably stay open takes a channel for itself, and not one of the last (ssh.md 3.5).
  private var isLasting: Bool {
    guard grant?.upgrade == nil else { return true }
    guard let head, let field = head.headers.firstField(.accept) else { return false }
    return head.headers.valueEquals(field, "text/event-stream")
  }

  /// Whose requests may follow this one on its connection (`tunnel_pool`). Connections that carry many at once are for everybody
  /// or for one.
  var sharing: RouteBalance.Pool { plan?.route.balance.pool ?? .shared }

  // MARK: Connecting

  func connect(
    _ key: UpstreamKey, through opener: any StreamOpener, to target: RouteTarget?, binding: BindingID?
  ) {
    upstreamName = key.text
    stopWaiting()
    let isShared = loop.pool.sharesConnections(key)
    let isAlone = isShared ? bindsItsConnection || sharing != .shared : isLasting || sharing == .off
    if !isAlone,
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
    request.isLasting = isLasting && !isShared
    if !isAlone { loop.pool.wait(waiter, on: shelf) }
    let opening = Opening(
      opener: opener, request: request, shelf: shelf, binding: binding, isAlone: isAlone,
      isForAll: isShared && !isAlone)
    guard opening.isForAll, shelf.isOpening else { return open(opening, for: waiter) }
    waiter.onOpening = { [weak self] end in
      switch end {
      case .isYours: self?.open(opening, for: waiter)
      case .failed(let error): self?.openFailed(error, for: waiter, shelf, binding: binding)
      }
    }
  }

  private func open(_ opening: Opening, for waiter: UpstreamWaiter) {
    if opening.isForAll { opening.shelf.openingSince = .now() }
    opening.opener.open(opening.request, on: loop.eventLoop).assumeIsolated().whenComplete { result in
      switch result {
      case .success(let stream): self.opened(stream.value, opening, for: waiter)
      case .failure(let error): self.ended(opening, error, for: waiter)
      }
    }
  }

  /// A connection has become free, or has room, before the stream opened that was asked for.
  private func isServed(by connection: any ServiceSide, _ waiter: UpstreamWaiter) -> Bool {
    guard case .waiting = state, wait?.waiter === waiter else { return false }
    wait = nil
    waiter.onOpening = nil
    waiter.claim.withdraw()
    guard stillMay() else { return false }
    start(on: connection)
    return true
  }

  private func isWaiting(_ waiter: UpstreamWaiter) -> Bool {
    guard case .waiting = state else { return false }
    return wait?.waiter === waiter
  }

  private func opened(_ stream: any ByteStream, _ opening: Opening, for waiter: UpstreamWaiter) {
    let pool = loop.pool
    guard opening.shelf.key.speech == .http2 || stream.applicationProtocol == "h2" else {
      let connection = UpstreamConnection(stream: stream, shelf: opening.shelf, pool: pool)
      finishOpening(opening)
      if isWaiting(waiter), noLongerWaits(waiter, opening.shelf) {
        start(on: connection)
      } else {
        // Another request may want it.
        connection.offer()
      }
      return
    }
    let connection = HTTP2UpstreamConnection(
      stream: stream, shelf: opening.shelf, pool: pool, isAlone: bindsItsConnection || sharing != .shared)
    connection.start { failure in
      if let failure { return self.ended(opening, failure, for: waiter) }
      opening.shelf.openingSince = nil
      if self.isWaiting(waiter), self.noLongerWaits(waiter, opening.shelf) {
        self.start(on: connection.makeStream(for: self.visitor?.sessionID))
      }
      pool.add(connection)
      pool.openForTheNext(opening.shelf)
    }
  }

  /// Takes it off the shelf; whether it may still be served.
  private func noLongerWaits(_ waiter: UpstreamWaiter, _ shelf: UpstreamShelf) -> Bool {
    wait = nil
    loop.pool.stopWaiting(waiter, on: shelf)
    return stillMay()
  }

  private func ended(_ opening: Opening, _ error: any Error, for waiter: UpstreamWaiter) {
    if opening.isForAll {
      opening.shelf.openingSince = nil
      // Who has left may have taken the opening along.
      if isWaiting(waiter) { loop.pool.openingFailed(error, on: opening.shelf) }
    }
    openFailed(error, for: waiter, opening.shelf, binding: opening.binding)
    loop.pool.openForTheNext(opening.shelf)
  }

  private func finishOpening(_ opening: Opening) {
    guard opening.isForAll else { return }
    opening.shelf.openingSince = nil
    opening.shelf.sharesConnections = false
    loop.pool.openForTheNext(opening.shelf)
  }

  private func openFailed(_ error: any Error, for waiter: UpstreamWaiter, _ shelf: UpstreamShelf, binding: BindingID?) {
    guard isWaiting(waiter) else { return }
    wait = nil
    loop.pool.stopWaiting(waiter, on: shelf)
    couldNotOpen(error, binding: binding)
  }

  // MARK: What HTTP/2 adds

  /// The service has not looked at the request, and says so (RFC 9113 section 8.7): as if the channel had not opened.
  func serviceDidNotProcess() {
    guard !isDone else { return }
    guard !hasSentHead, !hasTakenBody, !hasRetried else {
      return serviceBroke(.malformed("the service took no more requests on its connection"))
    }
    upstream = nil
    retry()
  }

  /// Both ends of a WebSocket have said Close. Over HTTP/1.1 the service ends its connection then (RFC 6455 section 7.1.1); of a
  /// stream on a shared one some forget to.
  func finishIfClosed() {
    guard let socket, socket.toVisitor.hasClosed, socket.toService.hasClosed, upstream is HTTP2UpstreamStream,
      // A frame says that it is one before all of it has passed.
      socket.toVisitor.isBetweenFrames, socket.toService.isBetweenFrames
    else { return }
    finishRaw()
  }

  /// HTTP_1_1_REQUIRED, which services with NTLM say.
  func serviceWantsHTTP1() {
    guard !needsHTTP1, case .tls = upstream?.key.speech else {
      return serviceBroke(.malformed("the service wants HTTP/1.1 (HTTP/2 error 13)"))
    }
    needsHTTP1 = true
    serviceDidNotProcess()
  }
}
