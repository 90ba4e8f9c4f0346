import SSHProtocol

/// The questions that leave the event loop, and how their answers come back to it.
enum LoginTasks {
  static func admit(
    _ proved: ProvedLogin, as login: ProvenLogin, by authenticator: any Authenticator, for connection: ConnectionHandle
  ) {
    Task {
      let answer = await authenticator.admit(proved)
      connection.perform({ $0.decided(login, answer) }, whenGone: { hangUp(answer) })
    }
  }

  static func wait(for pending: any PendingSignIn, as login: ProvenLogin, for connection: ConnectionHandle) {
    Task {
      let outcome = await pending.outcome()
      connection.perform { $0.browserDecided(login, outcome) }
    }
  }

  static func check(
    _ digits: String, by pending: any PendingSignIn, as login: ProvenLogin, for connection: ConnectionHandle
  ) {
    Task {
      let confirmation = await pending.confirm(digits: digits)
      connection.perform { $0.digitsChecked(login, confirmation) }
    }
  }

  static func logOut(sessionID: String, from authenticator: any Authenticator, for connection: ConnectionHandle) {
    Task {
      await authenticator.logout(sessionID: sessionID)
      connection.perform { $0.reconsider() }
    }
  }

  /// Nobody is there any more to wait.
  static func hangUp(_ answer: LoginAnswer) {
    if case .signIn(let pending) = answer { pending.hangUp() }
  }
}
