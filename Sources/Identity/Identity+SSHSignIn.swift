import EdgeCrypto
import Logging
import Policy
import Store
import Synchronization

/// Signing in over ssh: a verified key, a link, and a browser (security rules 8 to 11).
extension Identity: SSHSignInDesk {
  /// What a verified key is good for; notes its use.
  package func logIn(_ request: SSHSignInRequest) -> KeyLogin {
    let source = SourceAddress(request.sourceAddress).description
    guard let (binding, _) = bindingDirectory.binding(request.keyFingerprint, request.scope), binding.isRemembered
    else {
      let others = BindingScope.allCases.filter { $0 != request.scope }
      let isBoundOtherwise = others.contains { bindingDirectory.binding(request.keyFingerprint, $0) != nil }
      return .signIn(isBoundOtherwise ? .otherScope : .unknownKey)
    }
    if settings.configuration.sshNewSource == .signIn, !binding.sources.contains(source) { return .signIn(.newSource) }
    guard let (used, session, isNewSource) = bindingDirectory.use(binding.id, from: source) else {
      return .signIn(.unknownKey)
    }
    if isNewSource {
      logger.notice(
        "ssh key used from a new address",
        metadata: ["fingerprint": "\(used.fingerprint)", "user": "\(used.userName)", "source": "\(source)"])
    }
    return .bound(session, used, isNewSource: isNewSource)
  }

  /// The live binding of a key; notes nothing.
  package func keyBinding(fingerprint: String, scope: BindingScope) -> KeyBinding? {
    bindingDirectory.binding(fingerprint, scope)?.0
  }

  /// Begins to wait for a browser, or joins the wait of another connection of the same key.
  package func beginSSHSignIn(_ request: SSHSignInRequest) throws(IdentityError) -> SSHSignIn {
    try checkStore()
    let configuration = settings.configuration
    let waiter = SSHSignInWaiter()
    let newCode = Base64.encodeURL(random(16))
    let now = clock()
    let joined = codes.withLock {
      $0.join(request, waiter: waiter, newCode: newCode, now: now, lifetime: configuration.sshSignInTimeout)
    }
    guard case .code(let code, let evicted, let mustConfirm) = joined else {
      throw IdentityError(.tooMany, "Too many sign-ins are waiting from this address. Try again later.")
    }
    tell(evicted)
    if mustConfirm { waiter.deliver(.confirmInTerminal) }
    // Another connection of the key may have been approved since this one was sent to the browser; it waits for nobody then.
    if case .bound(let session, let binding, _) = logIn(request) { waiter.deliver(.approved(session, binding)) }
    return SSHSignIn(
      code: code, url: "\(configuration.authenticateURL)/.pomerium/sign_in?user_code=\(code)",
      provider: configuration.provider.name, waiter: waiter, desk: self)
  }

  /// What the verify page shows. Unknown codes are 400, answered ones 409.
  package func pendingSSHSignIn(code: String) throws(IdentityError) -> PendingSSHSignIn {
    let now = clock()
    return describe(try withCodes { codes throws(IdentityError) in try codes.entry(code, now: now) })
  }

  /// Somebody signed in looks at the page: the first to do so may approve.
  @discardableResult
  package func markOpened(code: String, by session: Session) throws(IdentityError) -> PendingSSHSignIn {
    let now = clock()
    let sessions = sessions
    return describe(
      try withCodes { codes throws(IdentityError) in
        try codes.open(code, by: session.id, now: now) { sessions.session($0, at: now) != nil }
      })
  }

  /// Authorize. Grants the binding, or asks for digits at the ssh prompt first (security rule 10).
  /// - Parameter remembersKey: whether later connections of the key are let in, too, until the session ends.
  package func approve(
    code: String, session: Session, browserAddress: String, remembersKey: Bool = true
  ) async throws(IdentityError) -> SSHApproval {
    let now = clock()
    guard let session = sessions.session(session.id, at: now) else {
      throw IdentityError(.forbidden, "Your session has ended. Please sign in again.")
    }
    if let digits = codes.withLock({ $0.digits(code, shownTo: session.id, now: now) }) {
      return .confirmInTerminal(digits: digits)
    }
    let entry = try withCodes { codes throws(IdentityError) in
      try codes.beginApproval(code, by: session.id, now: now, remembersKey: remembersKey)
    }
    if mustConfirm(entry, session, browserAddress: browserAddress) {
      let digits = sixDigits()
      tell(codes.withLock { $0.askForDigits(code, digits: digits) })
      return .confirmInTerminal(digits: digits)
    }
    return .granted(try await grant(entry, to: session))
  }

  /// Deny, by anybody signed in who holds the link.
  package func deny(code: String, session: Session) throws(IdentityError) {
    let now = clock()
    guard let session = sessions.session(session.id, at: now) else {
      throw IdentityError(.forbidden, "Your session has ended. Please sign in again.")
    }
    let (fingerprint, notice) = try withCodes { codes throws(IdentityError) in
      (try codes.entry(code, now: now).request.keyFingerprint, try codes.deny(code, now: now))
    }
    tell(notice)
    logger.notice("ssh sign-in denied", metadata: ["user": "\(session.subject.displayName)"])
    events.tell([.keyDenied(fingerprint: fingerprint, by: session)])
  }

  func confirm(code: String, digits: String) async -> SSHConfirmation {
    let now = clock()
    let typed = String(digits.filter { !$0.isWhitespace })
    switch codes.withLock({ $0.checkDigits(code, typed, now: now) }) {
    case .notAsked: return .failed(.expired)
    case .wrong(let left): return .wrong(triesLeft: left)
    case .failed(let notice):
      tell(notice)
      logger.notice("ssh sign-in failed: wrong digits")
      return .failed(notice.outcome)
    case .right(let entry):
      return await confirmed(entry, at: now)
    }
  }

  private func confirmed(_ entry: SignInCodes.Entry, at now: UnixTime) async -> SSHConfirmation {
    do throws(IdentityError) {
      guard let session = entry.openedBy.flatMap({ sessions.session($0, at: now) }) else {
        throw IdentityError(.forbidden, "The browser session that authorized this login has ended. Connect again.")
      }
      return .approved(session, try await grant(entry, to: session))
    } catch {
      tell(codes.withLock { $0.settle(entry.code, .refused(error.message)) })
      return .failed(.refused(error.message))
    }
  }

  func leave(code: String, _ waiter: SSHSignInWaiter) { codes.withLock { $0.leave(code, waiter) } }

  /// In memory at once, so that two people cannot both get the key; then in the store; then those who wait are told.
  private func grant(_ entry: SignInCodes.Entry, to session: Session) async throws(IdentityError) -> KeyBinding {
    do throws(IdentityError) {
      let (binding, known, previous) = try bindingDirectory.insert(
        entry.request, session: session, isRemembered: entry.remembersKey)
      do throws(IdentityError) {
        try await putPatiently(KeyBinding.kind, binding.id, binding.encoded, expiresAt: binding.expiresAt)
        try await putPatiently(
          KnownKey.kind, known.fingerprint, known.encoded, expiresAt: clock().adding(seconds: KnownKey.lifetime))
      } catch {
        if bindingDirectory.restore(previous, insteadOf: binding) {
          observers.tell([.bindingRevoked(fingerprint: binding.fingerprint, sessionID: binding.sessionID)])
        }
        throw error
      }
      // A sign-out while the store was written has removed it from memory.
      if !bindingDirectory.contains(binding.id) || sessions.session(session.id, at: clock()) == nil {
        bindingDirectory.remove(binding.id)
        await delete(KeyBinding.kind, binding.id)
        throw IdentityError(.forbidden, "Your session has ended. Please sign in again.")
      }
      tell(codes.withLock { $0.settle(entry.code, .approved(session, binding)) })
      logger.notice(
        "ssh key bound",
        metadata: [
          "fingerprint": "\(binding.fingerprint)", "user": "\(binding.userName)", "scope": "\(binding.scope.rawValue)",
          "source": "\(binding.sourceAddress)", "session": "\(session.id)",
        ])
      events.tell([.keyBound(binding, session)])
      return binding
    } catch {
      switch error.kind {
      // Nobody who holds this link can make it come true.
      case .keyHeldByAnother: tell(codes.withLock { $0.settle(entry.code, .refused(error.message)) })
      default: codes.withLock { $0.giveUp(entry.code) }
      }
      throw error
    }
  }

  private func mustConfirm(_ entry: SignInCodes.Entry, _ session: Session, browserAddress: String) -> Bool {
    switch settings.configuration.sshSignInCheck {
    case .page: false
    case .terminal: true
    case .auto:
      // Seen first by this person: what somebody else approved before says nothing about whose key it is.
      bindingDirectory.known(entry.request.keyFingerprint)?.owner != KnownKey.owner(of: session.subject)
        && !entry.source.isSameClient(as: SourceAddress(browserAddress))
    }
  }

  private func sixDigits() -> String {
    // 2^64 is no multiple of a million; the bias is one in 10^13.
    let number = random(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) } % 1_000_000
    let text = String(number)
    return String(repeating: "0", count: 6 - text.count) + text
  }

  private func describe(_ entry: SignInCodes.Entry) -> PendingSSHSignIn {
    let known = bindingDirectory.known(entry.request.keyFingerprint)
    var digits: String?
    if case .confirming(let asked, _) = entry.stage { digits = asked }
    return PendingSSHSignIn(
      code: entry.code, scope: entry.request.scope, keyFingerprint: entry.request.keyFingerprint,
      keyType: entry.request.keyType, keyFirstSeen: known?.firstSeen, keyLastUser: known?.lastUser,
      keyOwner: known?.owner,
      sourceAddress: entry.source.description, clientVersion: entry.request.clientVersion,
      username: entry.request.username, hostKeyFingerprints: entry.request.hostKeyFingerprints,
      createdAt: entry.createdAt, expiresAt: entry.expiresAt, openedBy: entry.openedBy, digits: digits)
  }

  private func withCodes<Value: Sendable>(
    _ body: (inout SignInCodes) throws(IdentityError) -> Value
  ) throws(IdentityError) -> Value {
    try codes.withLock { codes throws(IdentityError) in try body(&codes) }
  }

  func tell(_ notice: SignInCodes.Notice?) {
    guard let notice else { return }
    for waiter in notice.waiters { waiter.deliver(notice.outcome) }
  }
}
