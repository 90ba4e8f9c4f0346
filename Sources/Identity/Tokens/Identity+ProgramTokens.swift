import EdgeCrypto
import Logging
import Policy
import Store
import Synchronization

/// Programmatic login: a program asks, a person says yes in their browser, the program gets a token (security rule 20).
extension Identity {
  /// The page where a person decides.
  package func programLoginURL(
    target: LoopbackTarget, host: String, route: String, challenge: String?
  ) -> String? {
    let settings = settings
    guard
      let login = ProgramLogin(target: target, host: host, route: route, challenge: challenge, random: random)
    else { return nil }
    return "\(settings.configuration.authenticateURL)\(Self.programLoginPath)?"
      + QueryString.encode(login.query(now: clock(), key: settings.keys.programLogin))
  }

  package static let programLoginPath = "/.pomerium/api/v1/login"

  /// A target that this edge sends tokens to.
  package func loopbackTarget(_ text: String) -> LoopbackTarget? {
    LoopbackTarget(text, allowed: settings.configuration.loopbackHosts)
  }

  /// Reads the query of that page.
  package func programLogin(query: [(String, String)]) throws(IdentityError) -> ProgramLogin {
    let settings = settings
    let login = try ProgramLogin(
      query: query, allowed: settings.configuration.loopbackHosts, now: clock(), key: settings.keys.programLogin)
    let now = clock()
    guard !answeredLogins.withLock({ $0.isAnswered(login, now: now) }) else { throw Self.answered }
    return login
  }

  package func programLoginToken(_ login: ProgramLogin, session: Session) -> String {
    csrfToken(session: session, purpose: Self.purpose(login))
  }

  /// Yes: where the browser goes with what the program waits for. Once for each wish.
  package func approve(
    _ login: ProgramLogin, csrf: String, session: Session, browserAddress: String
  ) async throws(IdentityError) -> String {
    let session = try answer(login, csrf: csrf, session: session)
    let token = EdgeToken(.login, random: random)
    let record = ProgramToken(
      id: ProgramToken.id(of: token), sessionID: session.id, userName: session.subject.displayName, host: login.host,
      route: login.route, target: login.target.origin, sourceAddress: browserAddress, approvedAt: clock(),
      expiresAt: session.expiresAt)
    // First, so that others that are approved at the same time count it. Nobody can show it yet.
    tokenDirectory.insert(record)
    guard tokenDirectory.tokens(of: session.subject).count <= ProgramToken.maximumPerPerson else {
      tokenDirectory.remove(record.id)
      throw IdentityError(
        .tooMany, "You have given out too many tokens. Revoke some of them on your account page first.")
    }
    do throws(StoreError) {
      try await store.put(ProgramToken.kind, record.id, record.encoded, expiresAt: record.expiresAt)
    } catch {
      tokenDirectory.remove(record.id)
      throw IdentityError(.storage, "The token could not be stored. Please try again.", diagnostics: "\(error)")
    }
    // The session may have ended while the store was waited for.
    guard tokenDirectory.find(record.id) != nil else {
      tokenDirectory.remove(record.id)
      await delete(ProgramToken.kind, record.id)
      throw IdentityError(.expired, "Your session has ended. Please sign in again.")
    }
    logger.notice(
      "token given to a program",
      metadata: [
        "token": "\(record.id)", "user": "\(record.userName)", "route": "\(record.route)", "target": "\(record.target)",
      ])
    events.tell([.tokenGranted(record, session)])
    guard let challenge = login.challenge else { return login.target.with("pomerium_jwt", token.text) }
    guard let code = tokenDirectory.issueCode(for: token, challenge: challenge, random: random) else {
      await end(record, reason: "no code could be given for it")
      throw IdentityError(.tooMany, "Too many programs sign in at this moment. Please try again.")
    }
    return login.target.with("code", code)
  }

  /// No: where the browser goes to tell the program so.
  package func deny(_ login: ProgramLogin, csrf: String, session: Session) throws(IdentityError) -> String {
    _ = try answer(login, csrf: csrf, session: session)
    return login.target.with("error", "access_denied")
  }

  private func answer(_ login: ProgramLogin, csrf: String, session: Session) throws(IdentityError) -> Session {
    let now = clock()
    guard let session = sessions.session(session.id, at: now) else {
      throw IdentityError(.forbidden, "Your session has ended. Please sign in again.")
    }
    guard checkCSRF(csrf, session: session, purpose: Self.purpose(login)) else {
      throw IdentityError(.forbidden, "This form was made for another session. Nothing was given out.")
    }
    let person = KnownKey.owner(of: session.subject)
    switch answeredLogins.withLock({ $0.answer(login, by: person, now: now) }) {
    case .first: return session
    case .again: throw Self.answered
    case .tooMany:
      throw IdentityError(.tooMany, "Too many programs were answered within a short time. Try again in a few minutes.")
    }
  }

  /// The token for a code, once, for whoever knows the verifier.
  package func redeemProgramCode(_ code: String, verifier: String) -> (token: String, ProgramToken)? {
    guard code.utf8.count <= 64, verifier.utf8.count <= 128 else { return nil }
    return tokenDirectory.redeem(code: code, verifier: verifier).map { ($0.0.text, $0.1) }
  }

  // MARK: Listing and revoking

  /// Live tokens of the same person, whichever session they came from; the latest first.
  package func programTokens(of session: Session) -> [ProgramToken] { tokenDirectory.tokens(of: session.subject) }

  /// Revokes one of one's own. Somebody else's looks like one that does not exist.
  package func revokeProgramToken(id: String, by session: Session) async throws(IdentityError) {
    guard let own = sessions.session(session.id, at: clock()), let (token, holder) = tokenDirectory.find(id),
      holder.subject.isSamePerson(as: own.subject)
    else { throw IdentityError(.forbidden, "You have no such token.") }
    await end(token, reason: "revoked by \(own.subject.displayName)")
  }

  /// Revokes the very token that is shown: whoever holds it may give it back.
  package func revoke(shown text: String) async -> Bool {
    guard let token = EdgeToken(text), let (record, _) = tokenDirectory.find(ProgramToken.id(of: token)) else {
      return false
    }
    await end(record, reason: "given back by its program")
    return true
  }

  /// Memory first, so that nothing is admitted any more; then those who must act; then the store.
  func end(_ token: ProgramToken, reason: String) async {
    guard tokenDirectory.remove(token.id) != nil else { return }
    observers.tell([.tokenRevoked(tokenID: token.id, sessionID: token.sessionID)])
    events.tell([.tokenEnded(token, reason: reason)])
    logger.notice(
      "token ended", metadata: ["token": "\(token.id)", "user": "\(token.userName)", "reason": "\(reason)"])
    await delete(ProgramToken.kind, token.id)
  }

  /// A token that its program never came for.
  func deleteUnclaimed(_ token: ProgramToken) async {
    events.tell([.tokenEnded(token, reason: "its program never came for it")])
    logger.notice("token not fetched", metadata: ["token": "\(token.id)", "user": "\(token.userName)"])
    await delete(ProgramToken.kind, token.id)
  }

  private static func purpose(_ login: ProgramLogin) -> String { "program-login:" + login.id }

  private static let answered = IdentityError(
    .alreadyDecided, "This has been answered already. Start the program again if it needs another token.")
}
