import Policy
import Synchronization

@testable import SSHServer

/// Answers as the test says.
final class ScriptedAuthenticator: Authenticator {
  enum Script: Sendable {
    case everybody(as: String)
    case browser
    case refuse(String)
    /// By login name.
    case byUsername
  }

  private struct State {
    var script: Script
    var ended: Set<String> = []
    var revoked: Set<String> = []
  }

  private let state: Mutex<State>
  let logins = EventLog<ProvedLogin>()
  let signIns = EventLog<ScriptedSignIn>()

  init(_ script: Script) { state = Mutex(State(script: script)) }

  func admit(_ login: ProvedLogin) async -> LoginAnswer {
    logins.append(login)
    switch state.withLock({ $0.script }) {
    case .everybody(let name): return .accepted(testSubject(name), banner: [])
    case .byUsername: return .accepted(testSubject(login.username, session: "session-\(login.username)"), banner: [])
    case .refuse(let text): return .refused(text)
    case .browser:
      let signIn = ScriptedSignIn()
      signIns.append(signIn)
      return .signIn(signIn)
    }
  }

  func subject(sessionID: String, key: ProvedKey) -> Subject? {
    if state.withLock({ $0.ended.contains(sessionID) || $0.revoked.contains(key.fingerprint) }) { return nil }
    let name = sessionID.hasPrefix("session-") && sessionID != "session-1" ? String(sessionID.dropFirst(8)) : "ann"
    return testSubject(name, session: sessionID)
  }

  func logout(sessionID: String) async { end(sessionID) }

  func revoke(_ fingerprint: String) { state.withLock { _ = $0.revoked.insert(fingerprint) } }

  func end(_ sessionID: String) { state.withLock { _ = $0.ended.insert(sessionID) } }
}

final class ScriptedSignIn: PendingSignIn {
  let prompt = "Please sign in with oidc to continue"
  let instruction = " https://auth.example/.pomerium/sign_in?user_code=AAAAAAAAAAAAAAAAAAAAAA "
  private struct Numbered: Sendable {
    let number: Int
    let outcome: SignInOutcome
  }
  private let decisions = EventLog<Numbered>()
  private let counts = Mutex((asked: 0, decided: 0))
  let hangUps = EventLog<Bool>()

  /// Each call waits for the next decision.
  func outcome() async -> SignInOutcome {
    let number = counts.withLock { counts in
      counts.asked += 1
      return counts.asked
    }
    let decision = try? await decisions.first(within: 60) { $0.number == number }
    return decision?.outcome ?? .failed("the test gave no answer")
  }

  func decide(_ outcome: SignInOutcome) {
    let number = counts.withLock { counts in
      counts.decided += 1
      return counts.decided
    }
    decisions.append(Numbered(number: number, outcome: outcome))
  }

  let digits = EventLog<String>()
  func confirm(digits: String) async -> SignInConfirmation {
    self.digits.append(digits)
    return digits == "123456" ? .approved(testSubject("ann"), banner: []) : .wrong(triesLeft: 2)
  }
  func hangUp() { hangUps.append(true) }
}
