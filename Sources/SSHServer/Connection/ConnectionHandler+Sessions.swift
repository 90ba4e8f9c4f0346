import Policy
import Routing
import SSHProtocol

/// Session channels, and the channels that a publisher has no use for.
extension ConnectionHandler {
  func openRequested(_ id: ChannelID, _ open: ChannelOpen) {
    switch open {
    case .session:
      guard case .open = phase else {
        return connection.rejectChannel(id, .administrativelyProhibited, "sign in first")
      }
      sessions[id] = SessionChannel(id: id, connection: self)
      connection.acceptChannel(id)
      timers.cancel(.unused)
    case .directTCPIP, .forwardedTCPIP:
      connection.rejectChannel(
        id, .administrativelyProhibited, "forwarding to hosts (-L, -J, -W, -D) is not available on this edge")
    }
  }

  func requested(_ request: ChannelRequest, on id: ChannelID, _ reply: ReplyToken?) {
    let session = sessions[id]
    let isGranted = session?.request(request) ?? false
    if let reply { connection.answer(reply, success: isGranted) }
    if isGranted { session?.start(request) }
  }

  var facts: SessionFacts? {
    publisher.map {
      SessionFacts(
        publisher: $0, bound: forwards.bound,
        publishable: $0.publishable(in: server.routes.current(), now: server.clock()), connectionID: handle.id)
    }
  }

  /// The person signs out: the session ends, and with it every connection of it.
  func logOut() {
    guard let sessionID = publisher?.subject.sessionID else { return }
    LoginTasks.logOut(sessionID: sessionID, from: server.authenticator, for: handle)
  }
}
