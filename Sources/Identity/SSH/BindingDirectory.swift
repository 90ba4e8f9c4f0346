import Policy
import Synchronization

/// Every key binding, in memory; the store follows. Lock order: this directory's lock may be held while the session
/// directory's is taken, never the other way round.
final class BindingDirectory: Sendable {
  private struct State {
    var bindings: [String: KeyBinding] = [:]
    var known: [String: KnownKey] = [:]
    /// Used since they were last written.
    var unwritten: Set<String> = []
    /// Keys of jobs, by fingerprint: no person's until then.
    var reserved: [String: UnixTime] = [:]
    /// None of these ends before.
    var nextRelease = UnixTime(milliseconds: .max)
    /// No binding expires before.
    var nextExpiry = UnixTime(milliseconds: .max)

    mutating func set(_ binding: KeyBinding) {
      bindings[binding.id] = binding
      nextExpiry = min(nextExpiry, binding.expiresAt)
    }
  }

  private let sessions: SessionDirectory
  private let clock: UnixClock
  private let state = Mutex(State())

  init(sessions: SessionDirectory, clock: @escaping UnixClock) {
    self.sessions = sessions
    self.clock = clock
  }

  func load(_ bindings: [KeyBinding], _ known: [KnownKey]) {
    state.withLock { state in
      for binding in bindings { state.set(binding) }
      for key in known { state.known[key.fingerprint] = key }
    }
  }

  func known(_ fingerprint: String) -> KnownKey? { state.withLock { $0.known[fingerprint] } }

  func binding(_ fingerprint: String, _ scope: BindingScope) -> (KeyBinding, Session)? {
    state.withLock { live($0.bindings[KeyBinding.id(fingerprint: fingerprint, scope: scope)]) }
  }

  func binding(id: String) -> (KeyBinding, Session)? { state.withLock { live($0.bindings[id]) } }

  /// Every live binding of a person, the latest first. Looks through all of them, which nobody else has to wait for.
  func bindings(of subject: Subject) -> [KeyBinding] {
    let all = state.withLock { Array($0.bindings.values) }
    return all.compactMap { live($0) }.filter { $0.1.subject.isSamePerson(as: subject) }
      .map(\.0).sorted { $0.approvedAt > $1.approvedAt }
  }

  /// Binds a key to a session's person, unless another person holds it in any scope (security rule 8).
  func insert(
    _ request: SSHSignInRequest, session: Session, isRemembered: Bool = true
  ) throws(IdentityError) -> (KeyBinding, KnownKey, previous: KeyBinding?) {
    let now = clock()
    guard bindings(of: session.subject).count < KeyBinding.maximumPerPerson else {
      throw IdentityError(.tooMany, "You have bound too many keys. Revoke some of them on the keys page first.")
    }
    let inserted: (KeyBinding, KnownKey, KeyBinding?)? = state.withLock { state in
      if let until = state.reserved[request.keyFingerprint], now < until { return nil }
      for scope in BindingScope.allCases {
        let id = KeyBinding.id(fingerprint: request.keyFingerprint, scope: scope)
        if let (_, holder) = live(state.bindings[id]), !holder.subject.isSamePerson(as: session.subject) { return nil }
      }
      let id = KeyBinding.id(fingerprint: request.keyFingerprint, scope: request.scope)
      let previous = live(state.bindings[id])?.0
      let source = SourceAddress(request.sourceAddress).description
      let binding = KeyBinding(
        id: id, fingerprint: request.keyFingerprint, keyType: request.keyType, scope: request.scope,
        sessionID: session.id, userName: session.subject.displayName, sourceAddress: source,
        sources: isRemembered ? Self.sources(previous?.sources ?? [], adding: source) : previous?.sources ?? [],
        clientVersion: request.clientVersion,
        approvedAt: now, lastUsedAt: now, lastSource: source, expiresAt: session.expiresAt,
        isRemembered: isRemembered || previous?.isRemembered ?? false)
      let owner = KnownKey.owner(of: session.subject)
      let earlier = state.known[request.keyFingerprint].flatMap { $0.owner == owner ? $0.firstSeen : nil }
      let known = KnownKey(
        fingerprint: request.keyFingerprint, firstSeen: earlier ?? now, lastUser: session.subject.displayName,
        owner: owner)
      state.set(binding)
      state.known[request.keyFingerprint] = known
      return (binding, known, previous)
    }
    guard let inserted else {
      throw IdentityError(
        .keyHeldByAnother,
        "This key is bound to another person, or to a job. They must revoke it first, or you connect with a key of your own."
      )
    }
    return inserted
  }

  /// Keeps a key for a job's service account (security rules 8 and 13). A key that is a person's, or ever was here, is not for
  /// a job: whoever shows a token has not proved that they hold the key.
  func reserve(_ fingerprint: String, until: UnixTime) -> Bool {
    state.withLock { state in
      let isPersons =
        state.known[fingerprint] != nil
        || BindingScope.allCases.contains { scope in
          live(state.bindings[KeyBinding.id(fingerprint: fingerprint, scope: scope)]) != nil
        }
      guard !isPersons else { return false }
      state.reserved[fingerprint] = until
      state.nextRelease = min(state.nextRelease, until)
      return true
    }
  }

  /// Keys that are kept for jobs.
  var reservedCount: Int { state.withLock { $0.reserved.count } }

  func release(_ fingerprint: String) { state.withLock { _ = $0.reserved.removeValue(forKey: fingerprint) } }

  /// Undoes an insertion that the store did not take.
  /// - Returns: whether the key was used meanwhile.
  func restore(_ previous: KeyBinding?, insteadOf binding: KeyBinding) -> Bool {
    state.withLock { state in
      // Its uses have changed it.
      guard let current = state.bindings[binding.id], current.sessionID == binding.sessionID,
        current.approvedAt == binding.approvedAt
      else { return false }
      state.bindings[binding.id] = previous
      return current != binding
    }
  }

  /// Notes a use; returns the binding as it is now, its session, and whether the address is new.
  func use(_ id: String, from source: String) -> (KeyBinding, Session, isNewSource: Bool)? {
    let now = clock()
    return state.withLock { state in
      guard let (found, session) = live(state.bindings[id]) else { return nil }
      var binding = found
      let isNew = !binding.sources.contains(source)
      if isNew { binding.sources = Self.sources(binding.sources, adding: source) }
      binding.lastUsedAt = now
      binding.lastSource = source
      state.bindings[id] = binding
      state.unwritten.insert(id)
      return (binding, session, isNew)
    }
  }

  @discardableResult
  func remove(_ id: String) -> KeyBinding? {
    state.withLock { state in
      state.unwritten.remove(id)
      return state.bindings.removeValue(forKey: id)
    }
  }

  func removeAll(sessionIDs: Set<String>) -> [KeyBinding] {
    guard !sessionIDs.isEmpty else { return [] }
    return state.withLock { state in
      let ended = state.bindings.values.filter { sessionIDs.contains($0.sessionID) }
      for binding in ended {
        state.bindings[binding.id] = nil
        state.unwritten.remove(binding.id)
      }
      return ended
    }
  }

  /// Takes out those whose own time is over; sessions that end take theirs with them.
  func removeExpired(at now: UnixTime) -> [KeyBinding] {
    state.withLock { state in
      guard now >= state.nextExpiry else { return [] }
      let expired = state.bindings.values.filter { now >= $0.expiresAt }
      for binding in expired {
        state.bindings[binding.id] = nil
        state.unwritten.remove(binding.id)
      }
      state.nextExpiry = state.bindings.values.map(\.expiresAt).min() ?? UnixTime(milliseconds: .max)
      return expired
    }
  }

  func takeUnwritten() -> [KeyBinding] {
    state.withLock { state in
      defer { state.unwritten = [] }
      return state.unwritten.compactMap { state.bindings[$0] }
    }
  }

  /// It could not be written: at the next chance.
  func keepUnwritten(_ id: String) {
    state.withLock { if $0.bindings[id] != nil { $0.unwritten.insert(id) } }
  }

  func contains(_ id: String) -> Bool { state.withLock { $0.bindings[id] != nil } }

  func removeForgotten(at now: UnixTime) {
    // Known keys age in the store; a restart forgets them. In memory a bound is enough.
    state.withLock { state in
      // Jobs make a key each: without this every job that ever was would stay.
      if now >= state.nextRelease {
        state.reserved = state.reserved.filter { now < $0.value }
        state.nextRelease = state.reserved.values.min() ?? UnixTime(milliseconds: .max)
      }
      guard state.known.count > Self.maximumKnown else { return }
      let oldest = state.known.values.sorted { $0.firstSeen < $1.firstSeen }.prefix(Self.maximumKnown / 10)
      for key in oldest { state.known[key.fingerprint] = nil }
    }
  }

  private static let maximumKnown = 100_000

  private func live(_ binding: KeyBinding?) -> (KeyBinding, Session)? {
    let now = clock()
    guard let binding, now < binding.expiresAt, let session = sessions.session(binding.sessionID, at: now) else {
      return nil
    }
    return (binding, session)
  }

  private static func sources(_ sources: [String], adding source: String) -> [String] {
    if sources.contains(source) { return sources }
    let kept = sources.count >= KeyBinding.maximumSources ? Array(sources.dropFirst()) : sources
    return kept + [source]
  }
}
