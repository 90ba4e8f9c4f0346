import Logging
import Policy
import Synchronization

/// Signing out at the provider, in both directions.
extension Identity {
  /// The provider says that somebody signed out there: their sessions end, with everything that hangs on them (security
  /// rule 30).
  /// - Returns: how many ended.
  @discardableResult
  package func backChannelLogout(_ token: String) async throws(IdentityError) -> Int {
    let settings = settings
    let provider = settings.configuration.provider
    guard let client = settings.provider as? ProviderClient else {
      throw IdentityError(.badRequest, "This identity provider sends no logout tokens.")
    }
    let issuer = await client.knownMetadata?.issuer ?? provider.issuer
    let logout = try await client.verifyLogout(
      token,
      expect: IDToken.Expectation(
        issuer: issuer, clientID: provider.clientID,
        otherClientIDs: Set(settings.configuration.routeClients.map(\.clientID)), now: clock()))
    let now = clock()
    guard usedTokenIDs.withLock({ $0.use(logout.id, now: now) }) else {
      throw IdentityError(
        .tokenRefused, "This token was used before.", diagnostics: "logout token from \(provider.issuer): used before")
    }
    let concerned = sessions.sessions(at: now) { session in
      guard session.subject.issuer == logout.issuer else { return false }
      if let subject = logout.subject, !session.subject.userID.isSameBytes(as: subject) { return false }
      guard let ended = logout.providerSession else { return true }
      // A session whose own provider session is not known may be the one.
      return session.subject.claims["sid"]?.asText.map { $0 == ended } ?? (logout.subject != nil)
    }
    await end(concerned, reason: "signed out at the identity provider")
    return concerned.count
  }

  /// A page of the provider in some browser says that somebody signed out there (OpenID Connect Front-Channel Logout 1.0,
  /// section 2). Nothing proves who asks, so a session is ended only for whoever names it as the provider does, issuer and session,
  /// and only where that name cannot be guessed. Who asks learns nothing.
  /// - Returns: how many ended.
  @discardableResult
  package func frontChannelLogout(issuer: String, providerSession: String) async throws(IdentityError) -> Int {
    guard (Self.shortestProviderSession...Self.longestProviderSession).contains(providerSession.utf8.count) else {
      throw IdentityError(
        .badRequest, "Sessions with such short names are ended over the back channel only.",
        diagnostics:
          "sid has \(providerSession.utf8.count) bytes; names of at least \(Self.shortestProviderSession) cannot be "
          + "guessed: let the provider use /.pomerium/backchannel_logout")
    }
    let concerned = sessions.sessions(at: clock()) { session in
      session.subject.issuer.utf8.elementsEqual(issuer.utf8)
        && session.subject.claims["sid"]?.asText?.utf8.elementsEqual(providerSession.utf8) == true
    }
    await end(concerned, reason: "signed out at the identity provider")
    return concerned.count
  }

  /// 16 bytes in base64 are 22 characters, in hexadecimal 32, and a UUID is 36; a counter is shorter.
  private static let shortestProviderSession = 20
  private static let longestProviderSession = 1024

  // MARK: Signing out there, too (OpenID Connect RP-Initiated Logout 1.0)

  package static let providerSignOutLifetime = ProviderSignOuts.lifetime

  /// Whether the provider has a place to sign out, as far as it is known already; nobody waits for it.
  package var hasProviderSignOut: Bool {
    get async { await Self.endSessionEndpoint(settings.provider) != nil }
  }

  /// Keeps what the provider wants to know of a session that is about to end, for the code that this gives; `nil` where there
  /// is nothing to keep.
  package func noteProviderSignOut(sessionID: String) -> String? {
    let now = clock()
    guard let entry = sessions.entry(sessionID, at: now), let hint = entry.logoutHint else { return nil }
    let wanted = ProviderSignOuts.Entry(
      hint: hint, client: entry.session.client, expiresAt: now.adding(seconds: ProviderSignOuts.lifetime))
    return providerSignOuts.withLock { $0.issue(wanted, now: now, random: random) }
  }

  /// Where people sign out of the provider itself. Without a code, or with one that was used, the provider asks them which
  /// session they mean.
  /// - Parameter returnTo: the provider must have been told of it (`post_logout_redirect_uris` of the client).
  package func providerSignOutURL(code: String?, returnTo: String) async -> String? {
    let settings = settings
    let now = clock()
    let noted = code.flatMap { code in
      code.utf8.count <= 64 ? providerSignOuts.withLock { $0.redeem(code, now: now) } : nil
    }
    guard let provider = settings.provider(of: noted?.client), let endpoint = await Self.endSessionEndpoint(provider)
    else {
      return nil
    }
    var parameters = [("client_id", provider.configuration.clientID)]
    if let noted { parameters.append(("id_token_hint", noted.hint)) }
    parameters.append(("post_logout_redirect_uri", returnTo))
    return endpoint + (endpoint.contains("?") ? "&" : "?") + QueryString.encode(parameters)
  }

  static func endSessionEndpoint(_ provider: any SignInProvider) async -> String? {
    await (provider as? ProviderClient)?.knownMetadata?.endSessionEndpoint
  }
}
