import Identity
import SSHServer

/// One ssh connection that waits for its person's browser.
final class WaitingSignIn: PendingSignIn {
  private let signIn: SSHSignIn
  private let login: ProvedLogin
  private let audit: AuditLog

  init(_ signIn: SSHSignIn, login: ProvedLogin, audit: AuditLog) {
    self.signIn = signIn
    self.login = login
    self.audit = audit
  }

  var prompt: String { "Please sign in with \(signIn.provider) to continue" }
  /// Blanks on both sides keep the URL apart where a client drops the line breaks.
  var instruction: String { " \(signIn.url) " }

  func outcome() async -> SignInOutcome {
    let outcome = await signIn.outcome()
    record(outcome)
    switch outcome {
    case .approved(let session, _): return .approved(session.subject, banner: [])
    case .confirmInTerminal: return .confirmInTerminal(prompt: "Six digits shown in the browser: ")
    case .denied, .expired, .evicted, .refused, .abandoned: return .failed(Self.text(outcome))
    }
  }

  /// Whoever types is told of the end twice, here and by `outcome`; only that writes it into the audit log.
  func confirm(digits: String) async -> SignInConfirmation {
    switch await signIn.confirm(digits: digits) {
    case .approved(let session, _): .approved(session.subject, banner: [])
    case .wrong(let triesLeft): .wrong(triesLeft: triesLeft)
    case .failed(let outcome): .failed(Self.text(outcome))
    }
  }

  func hangUp() { signIn.hangUp() }

  private func record(_ outcome: SSHSignInOutcome) {
    switch outcome {
    case .approved(let session, _): audit.record(.signInApproved(login, session.subject))
    case .denied, .refused: audit.record(.signInDenied(login))
    case .expired: audit.record(.signInExpired(login))
    case .evicted, .abandoned: audit.record(.signInAbandoned(login))
    case .confirmInTerminal: break
    }
  }

  private static func text(_ outcome: SSHSignInOutcome) -> String {
    switch outcome {
    case .denied: "The sign-in was denied in the browser."
    case .expired: "Nobody signed in before the link expired; connect again for a new one."
    case .evicted: "Too many sign-ins are waiting; this one was dropped. Connect again."
    case .refused(let text): text
    case .approved, .confirmInTerminal, .abandoned: "The sign-in was given up. Connect again for a new link."
    }
  }
}
