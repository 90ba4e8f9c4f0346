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

  func outcome() async -> SignInOutcome { answer(await signIn.outcome()) }

  func confirm(digits: String) async -> SignInConfirmation {
    switch await signIn.confirm(digits: digits) {
    case .approved(let session, _):
      audit.record(.signInApproved(login, session.subject))
      return .approved(session.subject, banner: [])
    case .wrong(let triesLeft): return .wrong(triesLeft: triesLeft)
    case .failed(let outcome):
      switch answer(outcome) {
      case .approved(let subject, let banner): return .approved(subject, banner: banner)
      case .failed(let text): return .failed(text)
      case .confirmInTerminal: return .failed("The sign-in was not confirmed; connect again to try once more.")
      }
    }
  }

  func hangUp() { signIn.hangUp() }

  private func answer(_ outcome: SSHSignInOutcome) -> SignInOutcome {
    switch outcome {
    case .approved(let session, _):
      audit.record(.signInApproved(login, session.subject))
      return .approved(session.subject, banner: [])
    case .confirmInTerminal:
      return .confirmInTerminal(prompt: "Six digits shown in the browser: ")
    case .denied:
      audit.record(.signInDenied(login))
      return .failed("The sign-in was denied in the browser.")
    case .expired:
      audit.record(.signInExpired(login))
      return .failed("Nobody signed in before the link expired; connect again for a new one.")
    case .evicted:
      return .failed("Too many sign-ins are waiting; this one was dropped. Connect again.")
    case .refused(let text):
      audit.record(.signInDenied(login))
      return .failed(text)
    case .abandoned:
      return .failed("The sign-in was given up.")
    }
  }
}
