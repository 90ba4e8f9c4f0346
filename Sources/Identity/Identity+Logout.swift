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
    let logout = try await settings.provider.verifyLogout(
      token,
      expect: IDToken.Expectation(issuer: provider.issuer, clientID: provider.clientID, now: clock()))
    let now = clock()
    guard usedTokenIDs.withLock({ $0.use(logout.id, now: now) }) else {
      throw IdentityError(
        .tokenRefused, "This token was used before.", diagnostics: "logout token from \(provider.issuer): used before")
    }
    let concerned = sessions.sessions(at: now) { session in
      guard session.subject.issuer == provider.issuer else { return false }
      if let subject = logout.subject, session.subject.userID != subject { return false }
      guard let ended = logout.providerSession else { return true }
      // A session whose own provider session is not known may be the one.
      return session.subject.claims["sid"]?.asText.map { $0 == ended } ?? (logout.subject != nil)
    }
    await end(concerned, reason: "signed out at the identity provider")
    return concerned.count
  }

  /// Where people sign out of the provider itself (OpenID Connect RP-Initiated Logout 1.0), if it has such a place and is
  /// known already; nobody waits for it.
  package var providerSignOutURL: String? {
    get async {
      guard let endpoint = await settings.provider.knownMetadata?.endSessionEndpoint else { return nil }
      let client = QueryString.percentEncode(settings.configuration.provider.clientID)
      return endpoint + (endpoint.contains("?") ? "&" : "?") + "client_id=" + client
    }
  }
}
