import HTTPProxy
import Identity
import Policy
import Routing
import SSHServer
import Store

/// One line of the audit log: who, what, from where, and the id that joins it with the other logs.
struct AuditLine {
  private var line = JSONLine()

  init(at time: UnixTime) {
    line.add("time", CivilTime(time).preciseText)
    line.add("log", "audit")
  }

  consuming func finished() -> [UInt8] { line.finished() }

  mutating func write(_ event: AuditLog.Event) {
    switch event {
    case .signInStarted(let login): write(.signInStarted, login)
    case .signInApproved(let login, let subject): write(.signInApproved, login, subject)
    case .signInDenied(let login): write(.signInDenied, login)
    case .signInExpired(let login): write(.signInExpired, login)
    case .signInAbandoned(let login): write(.signInAbandoned, login)
    case .newSource(let login, let subject, let approvedFrom):
      write(.newSource, login, subject)
      line.add("approved-from", approvedFrom)
    case .serviceAccountAdmitted(let login, let subject): write(.serviceAccountSignedIn, login, subject)
    case .serviceAccountRefused(let login, let reason):
      write(.serviceAccountRefused, login)
      line.add("reason", reason)
    case .identity(let event, let asking):
      write(event)
      if let asking { add(asking) }
    case .visit(let visit): write(visit)
    case .tunnel(let event): write(event)
    case .gate(.penaltyBegan(let source, let seconds, let misconduct, let connection)):
      add(.sourcePenalised)
      line.add("source", source)
      line.add("reason", misconduct.rawValue)
      line.add("seconds", Int64(seconds))
      line.add("connection", connection)
    case .store(let event): write(event)
    case .configurationApplied(let path, let routes):
      add(.configurationApplied)
      line.add("file", path)
      line.add("routes", Int64(routes))
    case .configurationRefused(let path, let errors):
      add(.configurationRefused)
      line.add("file", path)
      line.add("errors", Int64(errors))
    }
  }

  mutating func add(_ name: String, _ text: String) { line.add(name, text) }

  mutating func write(suppressed count: Int, of key: AuditBudget.Key) {
    add(.linesSuppressed)
    line.add("of", key.event.rawValue)
    line.add("who", key.who)
    line.add("what", key.what)
    line.add("count", Int64(clamping: count))
  }

  mutating func write(dropped count: UInt64) {
    add(.linesDropped)
    line.add("count", Int64(clamping: count))
  }

  mutating func add(_ name: AuditEventName) { line.add("event", name.rawValue) }

  private mutating func write(_ name: AuditEventName, _ login: ProvedLogin, _ subject: Subject? = nil) {
    add(name)
    line.add("connection", login.connectionID)
    line.add("source", login.sourceAddress)
    line.add("key", login.fingerprint)
    line.add("client", login.clientVersion)
    if let subject { add(subject) }
  }

  mutating func add(_ subject: Subject) {
    line.add("issuer", subject.issuer)
    line.add("user", subject.userID)
    if let email = subject.email { line.add("email", email) }
    line.add("session", subject.sessionID)
  }

  private mutating func add(_ asking: AskingRequest) {
    line.add("source", asking.address)
    line.add("request-id", asking.requestID)
  }

  // MARK: Kinds of events

  private mutating func write(_ event: IdentityEvent) {
    switch event {
    case .browserSignInStarted: add(.browserSignInStarted)
    case .signedIn(let session):
      add(.signedIn)
      add(session.subject)
      line.add("until", CivilTime(session.expiresAt).text)
    case .browserSignInFailed(let reason):
      add(.browserSignInFailed)
      line.add("reason", reason)
    case .browserSignedOut(let session):
      add(.signedOutOfBrowser)
      add(session.subject)
    case .sessionEnded(let session, let reason):
      add(.sessionEnded)
      add(session.subject)
      line.add("reason", reason)
    case .grantRevoked(let session):
      add(.grantRevoked)
      add(session.subject)
    case .grantNotRevoked(let session, let reason):
      add(.grantNotRevoked)
      add(session.subject)
      line.add("reason", reason)
    case .claimsChanged(let session):
      add(.claimsChanged)
      add(session.subject)
    case .keyBound(let binding, let session):
      add(.keyBound)
      add(binding)
      add(session.subject)
      line.add("client", binding.clientVersion)
      line.add("until", CivilTime(binding.expiresAt).text)
    case .keyRevoked(let binding, let session):
      add(.keyRevoked)
      add(binding)
      add(session.subject)
    case .keyEnded(let binding, let reason):
      add(.keyEnded)
      add(binding)
      line.add("reason", reason)
    case .keyDenied(let fingerprint, let session):
      add(.keyDenied)
      line.add("key", fingerprint)
      add(session.subject)
    case .tokenGranted(let token, let session):
      add(.tokenGranted)
      add(token)
      line.add("target", token.target)
      add(session.subject)
      line.add("until", CivilTime(token.expiresAt).text)
    case .tokenEnded(let token, let reason):
      add(.tokenEnded)
      add(token)
      line.add("reason", reason)
    case .workload(let event): write(event)
    }
  }

  /// By the hash that the store knows it by.
  private mutating func add(_ token: ProgramToken) {
    line.add("token-hash", token.id)
    line.add("for", token.route)
    line.add("host", token.host)
    line.add("bound-session", token.sessionID)
  }

  private mutating func add(_ binding: KeyBinding) {
    line.add("key", binding.fingerprint)
    line.add("scope", binding.scope.rawValue)
    line.add("approved-from", binding.sourceAddress)
    line.add("bound-session", binding.sessionID)
  }

  private mutating func write(_ visit: RefusedVisit) {
    add(visit.kind.eventName)
    line.add("request-id", visit.requestID)
    line.add("source", visit.address)
    line.add("method", visit.method)
    line.add("url", visit.url)
    line.add("route", visit.routeID.rawValue)
    line.add("reason", visit.reason)
    if let explanation = visit.explanation { add(explanation) }
    if let subject = visit.subject { add(subject) }
  }

  private mutating func add(_ explanation: DecisionExplanation) {
    line.add("decision", explanation.summary)
    line.add("because", explanation.decidingLines())
  }

  private mutating func write(_ event: TunnelEvent) {
    switch event.kind {
    case .opened: add(.tunnelOpened)
    case .attached: add(.tunnelAttached)
    case .detached(let reason):
      add(.tunnelDetached)
      line.add("reason", reason.rawValue)
    case .closed(let why, let toPublisher, let fromPublisher, let streams):
      add(.tunnelClosed)
      line.add("reason", "\(why)")
      line.add("bytes-to-publisher", Int64(clamping: toPublisher))
      line.add("bytes-from-publisher", Int64(clamping: fromPublisher))
      line.add("streams", Int64(clamping: streams))
    case .refused(let reason):
      add(.forwardRefused)
      line.add("reason", reason)
    }
    if let explanation = event.explanation { add(explanation) }
    if let binding = event.bindingID { line.add("tunnel", binding.description) }
    line.add("name", event.name)
    if let url = event.url { line.add("url", url) }
    if let route = event.routeID { line.add("route", route.rawValue) }
    line.add("connection", event.connectionID)
    line.add("source", event.sourceAddress)
    line.add("key", event.keyFingerprint)
    add(event.owner)
  }

  private mutating func write(_ event: StoreEvent) {
    switch event {
    case .failing(let problem):
      add(.storeFailing)
      line.add("reason", problem)
    case .closedToSignIns(let problem):
      add(.storeClosed)
      line.add("reason", problem)
    case .lost(let problem):
      add(.storeLost)
      line.add("reason", problem)
    case .recovered(let seconds):
      add(.storeRecovered)
      line.add("seconds", seconds)
    }
  }
}
