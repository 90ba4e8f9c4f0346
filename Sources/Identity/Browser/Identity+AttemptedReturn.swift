/// What is known of a sign-in that failed on its way back.
extension Identity {
  /// Where the attempt that came back from the provider was to lead, also when it is too old or was answered before. Only from
  /// the browser that began it: its cookie says so.
  package func attemptedReturn(query: [(String, String)], cookies: [(String, String)]) -> SignInReturn? {
    let settings = settings
    let states = query.filter { $0.0 == "state" }
    guard states.count == 1, let state = states.first?.1, state.utf8.count <= 512 else { return nil }
    let name = SignInAttempt.cookieName(state, settings.configuration.cookieName)
    let values = cookies.filter { $0.0 == name }
    guard values.count == 1, let value = values.first?.1,
      let attempt = SignInAttempt(sealed: value, key: settings.keys.attempt), attempt.state == state
    else { return nil }
    return attempt.returnTo
  }
}
