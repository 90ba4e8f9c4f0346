import Logging
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
        events: { [unowned self] kind, bound, name in report(kind, bound, name) }))
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
    let current = server.configuration
    let result = forwards.request(
      address, by: publisher, maxForwards: current.maxForwards, isPermitted: current.permitsPublishing)
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
      let what = "\(PublishedForwards.describe(address)): \(refusal.text)"
      logger.info(
        "tunnel refused", metadata: ["name": "\(PublishedForwards.describe(address))", "reason": "\(refusal.name)"])
      refusals.append(what)
      if refusals.count > 8 { refusals.removeFirst() }
      for session in sessions.values { session.forwardRefused(what) }
      armRefusal()
    }
  }

  func cancelForward(_ address: ForwardAddress, _ reply: ReplyToken?) {
    let isKnown = forwards.cancel(address)
    if let reply { connection.answer(reply, success: isKnown) }
    if isKnown {
      logger.info("tunnel cancelled", metadata: ["name": "\(PublishedForwards.describe(address))"])
      armUnused()
      if !refusals.isEmpty { armRefusal() }
    }
  }

  private func report(_ kind: TunnelEvent.Kind, _ bound: Forward.Bound?, _ name: String) {
    guard let publisher else { return }
    configuration.events(
      TunnelEvent(
        kind: kind, routeID: bound?.routeID, bindingID: bound?.id, name: name, owner: publisher.subject,
        connectionID: handle.id, sourceAddress: remoteAddress, keyFingerprint: publisher.key.fingerprint))
  }
}
