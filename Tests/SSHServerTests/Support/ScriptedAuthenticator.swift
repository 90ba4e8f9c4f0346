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

  func subject(sessionID: String) -> Subject? {
    if state.withLock({ $0.ended.contains(sessionID) }) { return nil }
    let name = sessionID.hasPrefix("session-") && sessionID != "session-1" ? String(sessionID.dropFirst(8)) : "ann"
    return testSubject(name, session: sessionID)
  }

  func logout(sessionID: String) async { end(sessionID) }

  func end(_ sessionID: String) { state.withLock { _ = $0.ended.insert(sessionID) } }
}

final class ScriptedSignIn: PendingSignIn {
  let prompt = "Please sign in with oidc to continue"
  let instruction = " https://auth.example/.pomerium/sign_in?user_code=AAAAAAAAAAAAAAAAAAAAAA "
  private let outcomes = EventLog<SignInOutcome>()
  let hangUps = EventLog<Bool>()

  func outcome() async -> SignInOutcome {
    (try? await outcomes.first(within: 60) { _ in true }) ?? .failed("the test gave no answer")
  }
  func decide(_ outcome: SignInOutcome) { outcomes.append(outcome) }
  func hangUp() { hangUps.append(true) }
}
