import Logging
import PlainText
import Policy
import Routing
import SSHProtocol

/// From a proved key to a person: known binding → in; else the browser; else a text.
extension ConnectionHandler {
  func admit(_ login: ProvenLogin) {
    guard case .proving = phase else { return }
    let name = LoginName(login.username)
    logger[metadataKey: "publickey-fingerprint"] = "\(login.key.fingerprint)"
    logger.info("ssh key proved", metadata: ["client": "\(clientVersion)"])
    if RevealedKey.mayBeKnown(login.key, to: clientVersion) {
      logger.warning(
        "ssh key may be known to others",
        metadata: ["client": "\(clientVersion)", "reason": "CVE-2024-31497", "advice": "revoke it and make another"])
    }
    if name.route != nil {
      return end(.serviceNotAvailable, "Logging in to hosts through this edge is not available yet.", .disconnected)
    }
    phase = .deciding(login)
    hold(.decision, true)
    let proved = ProvedLogin(
      username: name.user, route: name.route, keyBlob: login.key.blob, fingerprint: login.key.fingerprint,
      keyType: login.key.algorithmName, certificate: login.proof.shownCertificate, sourceAddress: source.address,
      sourcePort: source.port, clientVersion: clientVersion, connectionID: handle.id)
    LoginTasks.admit(proved, as: login, by: server.authenticator, for: handle)
  }

  func decided(_ login: ProvenLogin, _ answer: LoginAnswer) {
    guard case .deciding(let current) = phase, current.attempt == login.attempt else {
      return LoginTasks.hangUp(answer)
    }
    hold(.decision, false)
    switch answer {
    case .accepted(let subject, let banner): accept(login, subject, banner)
    case .refused(let text): end(.noMoreAuthenticationMethods, text.printable(limit: 400), .disconnected)
    case .signIn(let pending): waitForBrowser(login, pending)
    }
    settle()
  }

  private func waitForBrowser(_ login: ProvenLogin, _ pending: any PendingSignIn) {
    phase = .signingIn(login, pending)
    let prompt = InteractivePrompt(name: pending.prompt, instruction: pending.instruction)
    guard connection.requireSignIn(login.attempt, prompt: prompt) else {
      phase = .proving
      return pending.hangUp()
    }
    // From here on the codes are counted instead. Anybody can prove some key: that alone frees no place.
    server.gate.beganSignIn(&ticket)
    logger.info("ssh sign-in waits for the browser")
    timers.set(.signIn, in: configuration.signInTimeoutSeconds * 1000, on: handle) {
      $0.end(.byApplication, "The sign-in was not completed in time. Connect again for a new link.", .disconnected)
    }
    LoginTasks.wait(for: pending, as: login, for: handle)
  }

  func browserDecided(_ login: ProvenLogin, _ outcome: SignInOutcome) {
    guard case .signingIn(let current, let pending) = phase, current.attempt == login.attempt else { return }
    switch outcome {
    case .approved(let subject, let banner):
      timers.cancel(.signIn)
      accept(login, subject, banner)
    case .confirmInTerminal(let prompt):
      askForDigits(login, prompt: prompt)
      LoginTasks.wait(for: pending, as: login, for: handle)
    case .failed(let text): end(.byApplication, text.printable(limit: 400), .disconnected)
    }
    settle()
  }

  // MARK: Digits typed at the ssh prompt (security rule 10)

  private func askForDigits(_ login: ProvenLogin, prompt: String) {
    let question = InteractivePrompt.Question(text: prompt, echo: true)
    _ = connection.ask(login.attempt, prompt: InteractivePrompt(name: "", instruction: "", questions: [question]))
  }

  func confirm(_ attempt: LoginAttempt, digits: String) {
    guard case .signingIn(let login, let pending) = phase, login.attempt == attempt else { return }
    LoginTasks.check(digits, by: pending, as: login, for: handle)
  }

  func digitsChecked(_ login: ProvenLogin, _ confirmation: SignInConfirmation) {
    guard case .signingIn(let current, _) = phase, current.attempt == login.attempt else { return }
    switch confirmation {
    case .approved(let subject, let banner):
      timers.cancel(.signIn)
      accept(login, subject, banner)
    case .wrong(let triesLeft):
      askForDigits(login, prompt: "Not these digits (\(triesLeft) \(triesLeft == 1 ? "try" : "tries") left): ")
    case .failed(let text): end(.byApplication, text.printable(limit: 400), .disconnected)
    }
    settle()
  }

  /// The client began another attempt: what was waited for is of no use.
  func abandon(_ attempt: LoginAttempt) {
    switch phase {
    case .deciding(let login) where login.attempt == attempt: hold(.decision, false)
    case .signingIn(let login, let pending) where login.attempt == attempt: pending.hangUp()
    case .proving, .deciding, .signingIn, .accepted, .open, .ending: return
    }
    timers.cancel(.signIn)
    phase = .proving
    server.gate.gaveUpSignIn(&ticket, handle)
  }

  private func accept(_ login: ProvenLogin, _ subject: Subject, _ banner: [String]) {
    let publisher = Publisher(
      subject: subject, username: LoginName(login.username).user, key: login.key, sourceAddress: source.address,
      permitsForwarding: login.proof.terms?.permitsForwarding ?? true,
      certificate: login.proof.shownCertificate)
    let routes = publisher.publishable(in: server.routes.current(), now: server.clock())
    let who = subject.displayName.printable(limit: 120)
    guard configuration.permitsPublishing, !routes.isEmpty else {
      // Security rule 7.
      logger.info("ssh client may publish nothing", metadata: ["user": "\(who)"])
      judged = .refused
      let text = "You are signed in as \(who), and nothing here is available to you. Ask whoever runs this edge."
      return end(.byApplication, text, .disconnected)
    }
    guard server.gate.signedIn(&ticket, subject) else {
      logRefusal(.person)
      let most = server.configuration.maxConnectionsPerPerson
      return end(.tooManyConnections, "You have \(most) connections already, the most there may be.", .disconnected)
    }
    phase = .accepted(publisher)
    _ = connection.acceptLogin(
      login.attempt, banner: WelcomeBanner.lines(publisher, routes: routes, extra: banner))
    logger[metadataKey: "user"] = "\(who)"
  }

  func didAuthenticate() {
    guard case .accepted(let publisher) = phase else { return }
    phase = .open(publisher)
    handle.noteLogin(publisher.subject, at: server.clock())
    logger.info("ssh client signed in", metadata: ["session": "\(publisher.subject.sessionID.prefix(8))"])
    armExpiry()
    armUnused()
    // The session may have ended, or the routes changed, while SUCCESS was on its way.
    reconsider()
  }

  // MARK: Live decisions

  /// Configuration or session changed: every binding is decided again.
  func reconsider() {
    guard case .open(var publisher) = phase else { return }
    guard let subject = currentSubject(of: publisher) else { return sessionEnded() }
    publisher.subject = subject
    phase = .open(publisher)
    let changes = forwards.reconsider(publisher, isPermitted: forwardPermission(publisher) == .granted)
    for change in changes { apply(change) }
    armExpiry(notBefore: 1000)
    settle()
  }

  /// Who the publisher is now: the session must live, and the key must still be theirs.
  func currentSubject(of publisher: Publisher) -> Subject? {
    server.authenticator.subject(sessionID: publisher.subject.sessionID, key: provedKey(of: publisher))
  }

  private func provedKey(of publisher: Publisher) -> ProvedKey {
    ProvedKey(
      blob: publisher.key.blob, fingerprint: publisher.key.fingerprint, certificate: publisher.certificate,
      sourceAddress: publisher.sourceAddress)
  }

  /// Where the person signed out on this very connection, the answer is read first; a client that goes on asking for
  /// things gets no more time for it.
  func sessionEnded() {
    if sessions.values.contains(where: \.hasSignedOut) {
      return timers.setOnce(.farewell, in: Self.farewellMilliseconds, on: handle) { $0.endWithSession() }
    }
    endWithSession()
  }

  func endWithSession() {
    logger.info("ssh session ended")
    var text = "Your session has ended. Connect again to sign in."
    if case .open(let publisher) = phase,
      let why = server.authenticator.reasonForEnd(
        sessionID: publisher.subject.sessionID, key: provedKey(of: publisher))
    {
      text = "Your session has ended. \(why.printable(limit: 300))"
    }
    end(.byApplication, text, .disconnected, streams: .rightEnded)
  }

  private static let farewellMilliseconds: Int64 = 1000

  private func apply(_ change: PublishedForwards.Change) {
    let bound = change.bound
    switch bound.state {
    case .attached: logger.info("tunnel attached", metadata: ["name": "\(bound.name)", "route": "\(bound.routeID)"])
    case .detached(let reason):
      logger.info(
        "tunnel detached",
        metadata: ["name": "\(bound.name)", "route": "\(bound.routeID)", "reason": "\(reason.rawValue)"])
      for stream in streams.values where stream.bindingID == bound.id { stream.close(.rightEnded) }
      server.openStreams.reconsider { $0.bindingID == bound.id }
    }
    for session in sessions.values { session.bindingChanged(bound) }
  }

  /// A decision carries its earliest expiry, and a timer ends it (security rule 28).
  /// Who has just decided everything does so again after `notBefore` milliseconds at the earliest; whoever has not must not
  /// put off what is due.
  func armExpiry(notBefore: Int64 = 0) {
    guard case .open(let publisher) = phase else { return }
    let until = min(forwards.validUntil ?? publisher.subject.expiresAt, publisher.subject.expiresAt)
    let (left, overflow) = until.milliseconds.subtractingReportingOverflow(server.clock().milliseconds)
    // Far-off moments are looked at again in a day.
    let wait = overflow ? 86_400_000 : min(max(left, notBefore), 86_400_000)
    timers.set(.expiry, in: wait, on: handle) { $0.reconsider() }
  }
}
