import EdgeCrypto
import Logging
import Policy
import Store
import Synchronization

/// Signing in with a browser on the authenticate host: authorization code with PKCE, state and nonce.
extension Identity {
  /// Sends a browser to the provider. The cookies are those of the request: older attempts in them are cleared when
  /// there are many.
  package func beginSignIn(
    returnTo: SignInReturn, cookies: [(String, String)]
  ) async throws(IdentityError) -> SignInStart {
    if case .path(let path) = returnTo, !SignInReturn.isLocal(path) {
      throw IdentityError(.badRequest, "The address to return to is not on this host.")
    }
    let settings = settings
    let provider = settings.configuration.provider
    let metadata = try await logged { () async throws(IdentityError) in try await settings.provider.discover() }
    let attempt = SignInAttempt(returnTo: returnTo, now: clock(), random: random)
    var parameters = [
      ("response_type", "code"), ("client_id", provider.clientID), ("redirect_uri", redirectURI(settings)),
      ("scope", provider.scopes.joined(separator: " ")), ("state", attempt.state), ("nonce", attempt.nonce),
      ("code_challenge", attempt.challenge), ("code_challenge_method", "S256"),
    ]
    let ours = Set(parameters.map(\.0))
    parameters += provider.requestParameters.filter { !ours.contains($0.0) }
    let separator = metadata.authorizationEndpoint.contains("?") ? "&" : "?"
    let cookieName = settings.configuration.cookieName
    return SignInStart(
      redirect: metadata.authorizationEndpoint + separator + QueryString.encode(parameters),
      cookie: AttemptCookie(
        name: SignInAttempt.cookieName(attempt.state, cookieName),
        value: try attempt.sealed(key: settings.keys.attempt),
        maxAge: SignInAttempt.lifetime),
      clearCookies: surplusAttempts(cookies, settings))
  }

  /// Takes the provider's answer: query and cookies of `/oauth2/callback`.
  package func finishSignIn(
    query: [(String, String)], cookies: [(String, String)]
  ) async throws(IdentityError) -> SignInFinish {
    do throws(IdentityError) {
      let finish = try await finish(query, cookies)
      browserSignIns.ended(approved: true)
      return finish
    } catch {
      browserSignIns.ended(approved: false)
      throw error
    }
  }

  private func finish(
    _ query: [(String, String)], _ cookies: [(String, String)]
  ) async throws(IdentityError) -> SignInFinish {
    let settings = settings
    return try await logged { () async throws(IdentityError) in
      let (attempt, cookieName) = try self.attempt(query, cookies, settings)
      let metadata = try await settings.provider.discover()
      try Self.checkIssuer(try QueryString.single("iss", in: query), metadata)
      if let error = try QueryString.single("error", in: query) {
        throw Self.refusal(error, try QueryString.single("error_description", in: query) ?? "")
      }
      guard let code = try QueryString.single("code", in: query), !code.isEmpty, code.utf8.count <= 8192 else {
        throw IdentityError(.badRequest, "The identity provider sent no code. Please sign in again.")
      }
      guard self.usedStates.withLock({ $0.use(attempt.state) }) else {
        throw IdentityError(.expired, "This sign-in has already been completed. Please open the page again.")
      }
      let session = try await self.signIn(code: code, attempt, metadata, settings)
      return SignInFinish(session: session, returnTo: attempt.returnTo, clearCookie: cookieName)
    }
  }

  private func signIn(
    code: String, _ attempt: SignInAttempt, _ metadata: ProviderMetadata, _ settings: Settings
  ) async throws(IdentityError) -> Session {
    let configuration = settings.configuration
    let answer = try await settings.provider.requestTokens([
      ("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirectURI(settings)),
      ("code_verifier", attempt.verifier),
    ])
    guard let token = answer.idToken else {
      throw IdentityError(
        .tokenRefused, "The identity provider did not say who signed in.",
        diagnostics: "no id_token from \(metadata.tokenEndpoint); idp_scopes must contain openid")
    }
    let idToken = try await settings.provider.verify(
      token,
      expect: IDToken.Expectation(
        issuer: metadata.issuer, clientID: configuration.provider.clientID, nonce: attempt.nonce,
        accessToken: answer.accessToken, now: clock()))
    var merger = ClaimMerger(idToken: idToken.claims)
    try await addUserinfo(&merger, of: idToken.subject, accessToken: answer.accessToken, settings)
    let handle = SessionHandle(random: random)
    let now = clock()
    let expiresAt = now.adding(seconds: configuration.sessionLifetime)
    let subject = merger.subject(
      sessionID: handle.sessionID, issuer: metadata.issuer, userID: idToken.subject,
      configuration: configuration.provider, expiresAt: expiresAt)
    let session = Session(
      id: handle.sessionID, subject: subject, provider: configuration.provider.name, issuedAt: now,
      expiresAt: expiresAt, authenticatedAt: now)
    var entry = SessionDirectory.Entry(
      session: session, handle: handle, providerFingerprint: settings.providerFingerprint)
    entry.refresh = answer.refreshToken.map {
      .init(token: $0, dueAt: now.adding(seconds: refreshInterval(after: answer, settings)))
    }
    if configuration.keepsProviderTokens {
      entry.tokens = ProviderTokens(accessToken: answer.accessToken, idToken: answer.idToken)
    }
    try await begin(entry, settings)
    return session
  }

  /// What the token left out. A provider whose userinfo fails still signs people in, with what the token says; one whose
  /// userinfo is about somebody else does not.
  func addUserinfo(
    _ merger: inout ClaimMerger, of subject: String, accessToken: String?, _ settings: Settings
  ) async throws(IdentityError) {
    guard let accessToken, merger.lacksAnything(groupsClaim: settings.configuration.provider.groupsClaim) else {
      return
    }
    let userinfo: ClaimValue?
    do throws(IdentityError) { userinfo = try await settings.provider.userinfo(accessToken: accessToken) } catch {
      logger.warning("userinfo not read", metadata: ["error": "\(error)"])
      return
    }
    guard let userinfo else { return }
    guard userinfo.text("sub") == subject else {
      throw IdentityError(
        .tokenRefused, "The identity provider's answers are about different people.",
        diagnostics:
          "userinfo is about \(quoted(userinfo.text("sub") ?? "nobody")), the ID token about \(quoted(subject))")
    }
    merger.add(userinfo: userinfo)
  }

  /// Stored first: a session that a restart would lose is not handed out.
  private func begin(_ entry: SessionDirectory.Entry, _ settings: Settings) async throws(IdentityError) {
    let session = entry.session
    do throws(StoreError) {
      try await store.put(
        SessionRecord.kind, session.id, SessionRecord.encode(entry, tokenKey: settings.keys.tokens),
        expiresAt: session.expiresAt)
    } catch {
      throw IdentityError(.storage, "The sign-in could not be stored. Please try again.", diagnostics: "\(error)")
    }
    let surplus = sessions.insert(entry, limitPerPerson: Self.maximumSessionsPerPerson)
    await end(surplus, reason: "the same person has signed in too often")
    guard entry.providerFingerprint == self.settings.providerFingerprint else {
      await end([session.id], reason: "the identity provider was changed")
      throw IdentityError(.expired, "The identity provider was changed at this moment. Please sign in again.")
    }
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

  /// RFC 9207: the answer must come from the provider that was asked.
  private static func checkIssuer(_ issuer: String?, _ metadata: ProviderMetadata) throws(IdentityError) {
    if issuer == nil, !metadata.namesIssuerInCallback { return }
    guard issuer == metadata.issuer else {
      throw IdentityError(
        .tokenRefused, "The answer did not come from the identity provider that was asked.",
        diagnostics: "the callback names the issuer \(quoted(issuer ?? "")); \(quoted(metadata.issuer)) was expected")
    }
  }

  private static func refusal(_ error: String, _ description: String) -> IdentityError {
    let details = "the provider sent error \(quoted(error)) \(quoted(description))"
    switch error {
    case "access_denied":
      return IdentityError(.providerRefused, "The sign-in was cancelled or denied.", diagnostics: details)
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

  /// Failures of others are written to the log, with what the page does not show.
  private func logged<Value>(
    _ body: () async throws(IdentityError) -> Value
  ) async throws(IdentityError) -> Value {
    do throws(IdentityError) { return try await body() } catch {
      logger.warning("sign-in failed", metadata: ["kind": "\(error.kind)", "error": "\(error)"])
      throw error
    }
  }
}
