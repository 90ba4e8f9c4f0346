import EdgeCrypto
import Logging
import Policy
import Store
import Synchronization

/// Signing in with a browser on the authenticate host: authorization code with PKCE, state and nonce.
extension Identity {
  /// Sends a browser to the provider. The cookies are those of the request: older attempts in them are cleared when
  /// there are many.
  ///
  /// `client`: of the route that asks (`Session.client`). `choosesAccount`: the person wants another account than the one the
  /// provider would take by itself.
  package func beginSignIn(
    returnTo: SignInReturn, cookies: [(String, String)], client: String? = nil, choosesAccount: Bool = false
  ) async throws(IdentityError) -> SignInStart {
    if case .path(let path) = returnTo, !SignInReturn.isLocal(path) {
      throw IdentityError(.badRequest, "The address to return to is not on this host.")
    }
    try checkStore()
    let settings = settings
    guard let provider = settings.provider(of: client) else { throw Self.clientIsGone }
    let attempt = SignInAttempt(returnTo: returnTo, client: client, now: clock(), random: random)
    let redirect = try await logged { () async throws(IdentityError) in
      try await provider.authorizationURL(
        AuthorizationRequest(
          redirectURI: redirectURI(settings), state: attempt.state, nonce: attempt.nonce, challenge: attempt.challenge,
          choosesAccount: choosesAccount))
    }
    let cookieName = settings.configuration.cookieName
    events.tell([.browserSignInStarted])
    return SignInStart(
      redirect: redirect,
      cookie: AttemptCookie(
        name: SignInAttempt.cookieName(attempt.state, cookieName),
        value: try attempt.sealed(key: settings.keys.attempt),
        maxAge: SignInAttempt.cookieLifetime),
      clearCookies: surplusAttempts(cookies, settings))
  }

  /// Takes the provider's answer: query and cookies of `/oauth2/callback`.
  package func finishSignIn(
    query: [(String, String)], cookies: [(String, String)], browser: SessionBrowser? = nil, source: String = ""
  ) async throws(IdentityError) -> SignInFinish {
    do throws(IdentityError) {
      let finish = try await finish(query, cookies, browser, source)
      browserSignIns.ended(approved: true)
      return finish
    } catch {
      browserSignIns.ended(approved: false)
      events.tell([.browserSignInFailed(reason: error.message)])
      throw error
    }
  }

  private func finish(
    _ query: [(String, String)], _ cookies: [(String, String)], _ browser: SessionBrowser?, _ source: String
  ) async throws(IdentityError) -> SignInFinish {
    let settings = settings
    return try await logged { () async throws(IdentityError) in
      let (attempt, cookieName) = try self.attempt(query, cookies, settings)
      guard let provider = settings.provider(of: attempt.client) else { throw Self.clientIsGone }
      try await provider.checkCallback(issuer: try QueryString.single("iss", in: query))
      if let error = try QueryString.single("error", in: query) {
        throw Self.refusal(error, try QueryString.single("error_description", in: query) ?? "")
      }
      guard let code = try QueryString.single("code", in: query), !code.isEmpty, code.utf8.count <= 8192 else {
        throw IdentityError(.badRequest, "The identity provider sent no code. Please sign in again.")
      }
      guard self.usedStates.withLock({ $0.use(attempt.state) }) else {
        throw IdentityError(.expired, "This sign-in has already been completed. Please open the page again.")
      }
      let callback = AuthorizationCallback(
        code: code, redirectURI: redirectURI(settings), nonce: attempt.nonce, verifier: attempt.verifier)
      let answer = try await exchanges.pass(source: source) { () async throws(IdentityError) in
        try await provider.signIn(callback)
      }
      let session = try await self.start(answer, from: provider, client: attempt.client, settings, browser)
      return SignInFinish(session: session, returnTo: attempt.returnTo, clearCookie: cookieName)
    }
  }

  private func start(
    _ answer: ProviderAnswer, from provider: any SignInProvider, client: String?, _ settings: Settings,
    _ browser: SessionBrowser?
  ) async throws(IdentityError) -> Session {
    let configuration = settings.configuration
    let tokens = answer.tokens
    let handle = SessionHandle(random: random)
    let now = clock()
    let expiresAt = now.adding(seconds: configuration.sessionLifetime)
    let subject = answer.person.claims.subject(
      sessionID: handle.sessionID, issuer: answer.person.issuer, userID: answer.person.userID,
      configuration: provider.configuration, expiresAt: expiresAt)
    let session = Session(
      id: handle.sessionID, subject: subject, provider: provider.configuration.name, issuedAt: now,
      expiresAt: expiresAt, authenticatedAt: now, client: client, browser: browser)
    var entry = SessionDirectory.Entry(
      session: session, handle: handle, providerFingerprint: provider.configuration.fingerprint)
    entry.refresh = tokens.refreshToken.map {
      .init(token: $0, dueAt: now.adding(seconds: refreshInterval(after: tokens, settings)), confirmedAt: now)
    }
    if configuration.keepsProviderTokens {
      entry.tokens = ProviderTokens(accessToken: tokens.accessToken, idToken: tokens.idToken)
    }
    if let token = tokens.idToken, token.utf8.count <= ProviderSignOuts.longestHint,
      await Self.endSessionEndpoint(provider) != nil
    {
      entry.logoutHint = token
    }
    try await begin(entry, settings)
    return session
  }

  /// Stored first: a session that a restart would lose is not handed out.
  private func begin(_ entry: SessionDirectory.Entry, _ settings: Settings) async throws(IdentityError) {
    let session = entry.session
    try await putPatiently(
      SessionRecord.kind, session.id, SessionRecord.encode(entry, tokenKey: settings.keys.tokens),
      expiresAt: session.expiresAt)
    let surplus = sessions.insert(entry, limitPerPerson: Self.maximumSessionsPerPerson)
    await end(surplus, reason: "the same person has signed in too often")
    guard self.settings.accepts(entry) else {
      await end([session.id], reason: "the identity provider was changed")
      throw IdentityError(.expired, "The identity provider was changed at this moment. Please sign in again.")
    }
    events.tell([.signedIn(session)])
    logger.info(
      "signed in",
      metadata: [
        "session": "\(session.id)", "user": "\(session.subject.displayName)", "subject": "\(session.subject.userID)",
        "issuer": "\(session.subject.issuer)",
      ])
  }

  /// A person with many browsers has a few dozen; a script that signs in without end keeps the latest.
  private static let maximumSessionsPerPerson = 100

  private func attempt(
    _ query: [(String, String)], _ cookies: [(String, String)], _ settings: Settings
  ) throws(IdentityError) -> (SignInAttempt, cookieName: String) {
    // Without a state nothing else in the query means anything, an error neither.
    guard let state = try QueryString.single("state", in: query), !state.isEmpty, state.utf8.count <= 512 else {
      throw IdentityError(.badRequest, "This address is where the identity provider sends people back to.")
    }
    let name = SignInAttempt.cookieName(state, settings.configuration.cookieName)
    let values = cookies.filter { $0.0 == name }.map(\.1)
    guard values.count == 1, let attempt = SignInAttempt(sealed: values[0], key: settings.keys.attempt),
      constantTimeEquals(Array(attempt.state.utf8), Array(state.utf8))
    else {
      throw IdentityError(
        .wrongBrowser,
        "This sign-in was started in another browser, or its cookie is gone. Please open the page again in one browser."
      )
    }
    guard attempt.isLive(at: clock()) else {
      throw IdentityError(.expired, "This sign-in took longer than ten minutes. Please open the page again.")
    }
    return (attempt, name)
  }

  private static let clientIsGone = IdentityError(
    .expired, "Signing in works differently now. Please open the page again.",
    diagnostics: "the route's client is not in the configuration any more")

  private static func refusal(_ error: String, _ description: String) -> IdentityError {
    let details = "the provider sent error \(quoted(error)) \(quoted(description))"
    switch error {
    case "access_denied":
      return IdentityError(.providerRefused, "The sign-in was cancelled or denied.", diagnostics: details)
    case "redirect_uri_mismatch", "application_suspended":
      // GitHub tells these to the callback, where another provider shows a page of its own.
      return IdentityError(
        .providerMisbehaved,
        "The identity provider does not take this edge's sign-ins. Whoever runs it must look at its log.",
        diagnostics: "\(details); compare the app's callback URL with authenticate_service_url")
    case "server_error", "temporarily_unavailable":
      return IdentityError(
        .providerUnreachable, "The identity provider has a problem of its own. Please try again.", diagnostics: details)
    default:
      return IdentityError(
        .providerRefused, "The identity provider refused the sign-in: \(quoted(error)).", diagnostics: details)
    }
  }

  private func surplusAttempts(_ cookies: [(String, String)], _ settings: Settings) -> [String] {
    let prefix = SignInAttempt.cookiePrefix(settings.configuration.cookieName)
    let attempts = cookies.filter { $0.0.hasPrefix(prefix) }
    guard attempts.count >= SignInAttempt.maximumPerBrowser else { return [] }
    let now = clock()
    let dated = attempts.map { name, value in
      let attempt = SignInAttempt(sealed: value, key: settings.keys.attempt)
      return (name, attempt.flatMap { $0.isLive(at: now) ? $0.startedAt : nil } ?? UnixTime(milliseconds: 0))
    }
    let keep = SignInAttempt.maximumPerBrowser - 1
    return dated.sorted { $0.1 > $1.1 }.dropFirst(keep).map(\.0)
  }

  private func redirectURI(_ settings: Settings) -> String {
    "\(settings.configuration.authenticateURL)/oauth2/callback"
  }

  /// Failures of others are written to the log, with what the page does not show, up to a bound.
  private func logged<Value>(
    _ body: () async throws(IdentityError) -> Value
  ) async throws(IdentityError) -> Value {
    do throws(IdentityError) { return try await body() } catch {
      if signInWarnings.admit() {
        logger.warning("sign-in failed", metadata: ["kind": "\(error.kind)", "error": "\(error)"])
      }
      throw error
    }
  }
}
