import Policy
import Routing
import SSHServer
import Synchronization

/// Who was let in, who published what, and what ended: one JSON object a line, never a secret.
package final class AuditLog: Sendable {
  package enum Event: Sendable {
    case signInStarted(ProvedLogin)
    case signInApproved(ProvedLogin, Subject)
    case signInDenied(ProvedLogin)
    case signInExpired(ProvedLogin)
    case newSource(ProvedLogin, Subject, approvedFrom: String)
    case serviceAccountAdmitted(ProvedLogin, Subject)
    case serviceAccountRefused(ProvedLogin, reason: String)
    case tunnel(TunnelEvent)
    case gate(GateEvent)
    case configurationApplied(path: String, routes: Int)
    case configurationRefused(path: String, errors: Int)
  }

  private let file: LineFile
  private let clock: UnixClock
  private let counted: Mutex<AuditCounts>

  package init(file: LineFile, clock: @escaping UnixClock = SystemClock.now) {
    self.file = file
    self.clock = clock
    counted = Mutex(AuditCounts(startedAt: clock()))
  }

  /// What was recorded, in numbers.
  package var counts: AuditCounts { counted.withLock { $0 } }

  package func record(_ event: Event) {
    let now = clock()
    counted.withLock { $0.add(event, at: now) }
    var line = JSONLine()
    line.add("time", CivilTime(now).preciseText)
    line.add("log", "audit")
    switch event {
    case .signInStarted(let login):
      line.add("event", "sign-in started")
      add(login, to: &line)
    case .signInApproved(let login, let subject):
      line.add("event", "sign-in approved")
      add(login, to: &line)
      add(subject, to: &line)
    case .signInDenied(let login):
      line.add("event", "sign-in denied")
      add(login, to: &line)
    case .signInExpired(let login):
      line.add("event", "sign-in expired")
      add(login, to: &line)
    case .newSource(let login, let subject, let approvedFrom):
      line.add("event", "key used from a new address")
      add(login, to: &line)
      add(subject, to: &line)
      line.add("approved-from", approvedFrom)
    case .serviceAccountAdmitted(let login, let subject):
      line.add("event", "service account signed in")
      add(login, to: &line)
      add(subject, to: &line)
    case .serviceAccountRefused(let login, let reason):
      line.add("event", "service account refused")
      add(login, to: &line)
      line.add("reason", reason)
    case .tunnel(let event): add(event, to: &line)
    case .gate(.penaltyBegan(let source, let seconds, let misconduct, let connection)):
      line.add("event", "ssh source penalised")
      line.add("source", source)
      line.add("reason", misconduct.rawValue)
      line.add("seconds", Int64(seconds))
      line.add("connection", connection)
    case .configurationApplied(let path, let routes):
      line.add("event", "configuration applied")
      line.add("file", path)
      line.add("routes", Int64(routes))
    case .configurationRefused(let path, let errors):
      line.add("event", "configuration refused")
      line.add("file", path)
      line.add("errors", Int64(errors))
    }
    file.append(line.finished(), urgent: true)
  }

  private func add(_ login: ProvedLogin, to line: inout JSONLine) {
    line.add("connection", login.connectionID)
    line.add("source", "\(login.sourceAddress)")
    line.add("key", login.fingerprint)
    line.add("client", login.clientVersion)
  }

  private func add(_ subject: Subject, to line: inout JSONLine) {
    line.add("user", subject.userID)
    if let email = subject.email { line.add("email", email) }
    line.add("session", subject.sessionID)
  }

  private func add(_ event: TunnelEvent, to line: inout JSONLine) {
    switch event.kind {
    case .opened: line.add("event", "tunnel opened")
    case .attached: line.add("event", "tunnel attached")
    case .detached(let reason):
      line.add("event", "tunnel detached")
      line.add("reason", reason.rawValue)
    case .closed(let why, let toPublisher, let fromPublisher, let streams):
      line.add("event", "tunnel closed")
      line.add("reason", "\(why)")
      line.add("bytes-to-publisher", Int64(clamping: toPublisher))
      line.add("bytes-from-publisher", Int64(clamping: fromPublisher))
      line.add("streams", Int64(clamping: streams))
    case .refused(let reason):
      line.add("event", "forward refused")
      line.add("reason", reason)
    }
    if let binding = event.bindingID { line.add("tunnel", binding.description) }
    line.add("name", event.name)
    if let url = event.url { line.add("url", url) }
    if let route = event.routeID { line.add("route", route.rawValue) }
    line.add("connection", event.connectionID)
    line.add("source", event.sourceAddress)
    line.add("key", event.keyFingerprint)
    add(event.owner, to: &line)
  }
}
