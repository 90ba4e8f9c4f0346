import Logging
import NIOCore
import PlainText
import Policy
import Routing
import SSHProtocol

/// `tcpip-forward` and its cancellation: always answered, at once, so in order.
extension ConnectionHandler {
  func makeForwards() -> PublishedForwards {
    let handle = handle
    return PublishedForwards(
      .init(
        routes: server.routes, registry: server.registry, connectionID: handle.id, clock: server.clock,
        random: configuration.random,
        opener: { TunnelOpener(connection: handle, address: $0, routeID: $1) },
        probe: { handle.perform { $0.proveAlive() } },
        // Not within the call of whoever let go: their state is being changed just now.
        whenFree: { handle.eventLoop.execute { handle.perform { $0.reconsider() } } },
        healthChanged: { address, routeID in
          { handle.eventLoop.execute { handle.perform { $0.healthChanged(address, routeID) } } }
        }, traffic: handle.traffic,
        events: { [unowned self] in report($0, $1, $2, $3) }))
  }

  func requestForward(_ address: ForwardAddress, _ reply: ReplyToken?) {
    guard case .open(var publisher) = phase else {
      if let reply { connection.answer(reply, success: false) }
      return
    }
    // As the person is now; a session that has ended ends the connection.
    guard let subject = currentSubject(of: publisher) else { return reconsider() }
    publisher.subject = subject
    phase = .open(publisher)
    let result = forwards.request(
      address, by: publisher, maxForwards: server.configuration.maxForwards, permission: forwardPermission(publisher))
    switch result {
    case .success(let granted):
      if let reply { connection.answer(reply, success: true, port: granted.allocatedPort) }
      for bound in granted.bound {
        logger.info("tunnel opened", metadata: ["name": "\(bound.name)", "route": "\(bound.routeID)"])
        for session in sessions.values { session.bindingChanged(bound) }
      }
      timers.cancel(.unused)
      armExpiry()
    case .failure(let refusal):
      if let reply { connection.answer(reply, success: false) }
      wasRefused(refusal, PublishedForwards.describe(address), publisher)
    }
  }

  private func healthChanged(_ address: ForwardAddress, _ routeID: RouteID) {
    guard let bound = forwards.forward(address)?.bindings[routeID] else { return }
    for session in sessions.values { session.bindingChanged(bound) }
  }

  func forwardPermission(_ publisher: Publisher) -> ForwardPermission {
    if !server.configuration.permitsPublishing { return .refused(.publishingIsOff) }
    return publisher.permitsForwarding ? .granted : .refused(.certificateForbids)
  }

  /// `streamlocal-forward@openssh.com`: there is nothing to listen on.
  func refuseSocketForward(_ path: String, _ reply: ReplyToken?) {
    if let reply { connection.answer(reply, success: false) }
    guard case .open(let publisher) = phase else { return }
    let what = path.printable(limit: 120)
    forwards.refused(.unixSocket, what)
    wasRefused(.unixSocket, what, publisher)
  }

  /// Tells why, wherever somebody may look: the log, the person's own pages, their sessions, and at last the text of the
  /// disconnect.
  private func wasRefused(_ refusal: ForwardRefusal, _ what: String, _ publisher: Publisher) {
    let text = "\(what): \(refusal.text)"
    logger.info("tunnel refused", metadata: ["name": "\(what)", "reason": "\(refusal.name)"])
    refusals.append(text)
    if refusals.count > 8 { refusals.removeFirst() }
    server.registry.note(
      RefusedForward(
        connectionID: handle.id, sessionID: publisher.subject.sessionID, text: text, at: server.clock()))
    for session in sessions.values { session.forwardRefused(text) }
    armRefusal()
  }

  func cancelForward(_ address: ForwardAddress, _ reply: ReplyToken?) {
    let isKnown = forwards.cancel(address)
    if let reply { connection.answer(reply, success: isKnown) }
    if isKnown {
      logger.info("tunnel cancelled", metadata: ["name": "\(PublishedForwards.describe(address))"])
      sessionsChanged()
      armUnused()
      if !refusals.isEmpty { armRefusal() }
      // Another forward of this connection may have been waiting for the name.
      if !forwards.isEmpty { reconsider() }
    }
  }

  private func report(
    _ kind: TunnelEvent.Kind, _ bound: Forward.Bound?, _ name: String, _ explanation: DecisionExplanation?
  ) {
    guard let publisher else { return }
    configuration.events(
      TunnelEvent(
        kind: kind, routeID: bound?.routeID, bindingID: bound?.id, name: name, url: bound?.url,
        owner: publisher.subject,
        connectionID: handle.id, sourceAddress: source.address, keyFingerprint: publisher.key.fingerprint,
        explanation: explanation))
  }
}
