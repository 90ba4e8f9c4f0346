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
    publisher.map { publisher in
      SessionFacts(
        publisher: publisher, bound: forwards.bound,
        publishable: publisher.publishable(in: server.routes.current(), now: server.clock()), connectionID: handle.id,
        refusals: refusals, allTunnels: { [unowned self] in tunnels(ofSession: publisher.subject.sessionID) })
    }
  }

  private func tunnels(ofSession id: String) -> [String] {
    let routes = server.routes.current().routes
    return server.registry.bindings().filter { $0.owner.sessionID == id }.map { binding in
      routes.first { $0.id == binding.routeID }
        .map { RouteOrigin(scheme: $0.origin.scheme, host: binding.name, port: $0.origin.port).url }
        ?? binding.name.description
    }
  }

  // MARK: Who looks

  func beginActivity() {
    if activity == nil { activity = ConnectionActivity(of: self) }
  }

  /// The screens are not up to date.
  func sessionsChanged() {
    for session in sessions.values { session.changed() }
  }

  func trafficChanged() {
    guard activity != nil else { return }
    sessionsChanged()
  }

  /// What became of a visitor's stream towards the local service: `nil` is that it was taken.
  func noteService(_ failure: StreamOpenFailure?, on binding: BindingID) {
    if activity?.note(failure, on: binding) == true { sessionsChanged() }
    // OpenSSH has written "connect_to …: failed." over the screen.
    if failure != nil { sessions.values.forEach { $0.repaint() } }
  }

  /// A session is gone.
  func endSession(_ session: SessionChannel) {
    session.didClose()
    if sessions.values.contains(where: \.isShell) { return sessionsChanged() }
    activity?.end()
    activity = nil
  }

  /// Gives terminals back while their channels still take bytes; false when there is none.
  func endScreens(_ text: String) -> Bool {
    var isAny = false
    for session in sessions.values where session.endScreen(text) { isAny = true }
    return isAny
  }

  func forgetSessions() {
    let all = sessions.values
    sessions = [:]
    for session in all { session.didClose() }
    activity?.end()
    activity = nil
  }

  /// The person signs out: the session ends, and with it every connection of it.
  func logOut() {
    guard let sessionID = publisher?.subject.sessionID else { return }
    LoginTasks.logOut(sessionID: sessionID, from: server.authenticator, for: handle)
  }
}
