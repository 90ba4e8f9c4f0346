import EdgeCrypto
import Logging
import Policy
import Store
import Synchronization

extension Identity {
  package func session(id: String) -> Session? {
    sessions.session(id, at: clock()) ?? (ServiceAccounts.isSession(id) ? workloads.session(id: id) : nil)
  }

  /// The session a cookie of this host stands for. `host` is lower case, without a port.
  package func session(cookie value: String, host: String) -> Session? {
    guard let handle = SessionHandle(cookie: value, host: host, key: settings.keys.cookie) else { return nil }
    return sessions.session(handle, at: clock())
  }

  /// A cookie for one host, or nil when the session has ended.
  package func cookieValue(for session: Session, host: String) -> String? {
    sessions.handle(of: session.id, at: clock())?.cookieValue(host: host, key: settings.keys.cookie)
  }

  /// Every live session of this person, in whatever browser.
  package func sessions(of session: Session) -> [ListedSession] {
    sessions.sessions(of: session.subject, at: clock())
  }

  /// Ends one of one's own sessions with everything that hangs on it. Somebody else's looks like one that does not exist.
  package func endSession(id: String, by session: Session) async throws(IdentityError) {
    let now = clock()
    guard let own = sessions.session(session.id, at: now), let ended = sessions.session(id, at: now),
      ended.subject.isSamePerson(as: own.subject)
    else { throw IdentityError(.forbidden, "You have no such session.") }
    await endWanted(ended.id, reason: "ended by its person")
  }

  /// Ends the session with everything that hangs on it. Observers have heard of it when this returns.
  package func signOut(sessionID: String) async { await endWanted(sessionID, reason: "signed out") }

  /// Ends the session for browsers; its ssh keys live on (security rule 21).
  package func signOutBrowser(sessionID: String) async {
    guard let entry = sessions.update(sessionID, { $0.acceptsCookies = false }) else { return }
    handOvers.withLock { $0.removeAll(sessionID: sessionID) }
    journeys.withLock { $0.removeAll(sessionID: sessionID) }
    observers.tell([.browserEnded(sessionID: sessionID)])
    events.tell([.browserSignedOut(entry.session)])
    await write(entry)
  }

  /// A token that proves a form was shown to this session for this purpose.
  package func csrfToken(session: Session, purpose: String) -> String {
    Base64.encodeURL(settings.keys.form.tag("\(session.id)\n\(purpose)"))
  }

  package func checkCSRF(_ token: String, session: Session, purpose: String) -> Bool {
    guard let tag = Base64.decodeURL(token) else { return false }
    return settings.keys.form.verifies(tag, Array("\(session.id)\n\(purpose)".utf8))
  }

  /// Who the visitor is, signed for one host, for `X-Pomerium-Jwt-Assertion`.
  package func signAssertion(session: Session, host: String, options: AssertionOptions) -> String? {
    let settings = settings
    return settings.assertions.sign(
      session.subject, host: host, options: options, configuration: settings.configuration, now: clock(),
      random: random)
  }

  /// The provider's tokens, as they were last given; `nil` where none are kept.
  package func providerTokens(sessionID: String) -> ProviderTokens? {
    guard settings.configuration.keepsProviderTokens else { return nil }
    return sessions.entry(sessionID, at: clock())?.tokens
  }

  /// The JSON of `/.well-known/pomerium/jwks.json`.
  package var jwks: String { settings.assertions.keySet(at: clock()) }

  /// Memory first, so that nothing is admitted any more; then those who must act; then the store.
  func end(_ sessionIDs: [String], reason: String) async {
    let ended = sessionIDs.compactMap { sessions.remove($0) }
    await finishEnding(ended, reason: reason)
  }

  func finishEnding(_ ended: [Session], reason: String) async {
    guard !ended.isEmpty else { return }
    let ids = Set(ended.map(\.id))
    let bindings = bindingDirectory.removeAll(sessionIDs: ids)
    let tokens = tokenDirectory.removeAll(sessionIDs: ids)
    handOvers.withLock { handOvers in
      for id in ids { handOvers.removeAll(sessionID: id) }
    }
    journeys.withLock { journeys in
      for id in ids { journeys.removeAll(sessionID: id) }
    }
    for notice in codes.withLock({ $0.endConfirmations(of: ids) }) { tell(notice) }
    observers.tell(ended.map { .ended(sessionID: $0.id) })
    // A key may have opened connections of other sessions of its person, too.
    observers.tell(bindings.map { .bindingRevoked(fingerprint: $0.fingerprint, sessionID: $0.sessionID) })
    events.tell(ended.map { .sessionEnded($0, reason: reason) })
    for session in ended {
      logger.info(
        "session ended",
        metadata: ["session": "\(session.id)", "user": "\(session.subject.displayName)", "reason": "\(reason)"])
    }
    await delete(SessionRecord.kind, ended.map(\.id))
    await delete(KeyBinding.kind, bindings.map(\.id))
    await delete(ProgramToken.kind, tokens.map(\.id))
  }

  /// Writes a session as it is; one that ended meanwhile is not left behind, nor is what has changed meanwhile written over:
  /// a cookie that was refused before a restart is refused after it.
  func write(_ entry: SessionDirectory.Entry) async {
    let session = entry.session
    var written = entry
    do throws(StoreError) {
      while true {
        try await store.put(
          SessionRecord.kind, session.id, SessionRecord.encode(written, tokenKey: settings.keys.tokens),
          expiresAt: written.session.expiresAt)
        guard let current = sessions.entry(session.id, at: clock()) else {
          return try await store.delete(SessionRecord.kind, session.id)
        }
        guard current.isStored(otherwiseThan: written) else { return }
        written = current
      }
    } catch {
      logger.error("session not stored", metadata: ["session": "\(session.id)", "error": "\(error)"])
      backlog.withLock { _ = $0.sessions.insert(session.id) }
    }
  }

  /// Deletes a record; the sweep tries again what fails now.
  func delete(_ kind: RecordKind, _ id: String) async { await delete(kind, [id]) }

  func delete(_ kind: RecordKind, _ ids: [String]) async {
    guard !ids.isEmpty else { return }
    do throws(StoreError) {
      if ids.count == 1 { try await store.delete(kind, ids[0]) } else { try await store.delete(kind, ids) }
    } catch {
      logger.error(
        "records not deleted",
        metadata: ["kind": "\(kind.rawValue)", "count": "\(ids.count)", "first": "\(ids[0])", "error": "\(error)"])
      backlog.withLock { backlog in
        for id in ids { backlog.deletions.insert(.init(kind: kind, id: id)) }
      }
    }
  }
}
