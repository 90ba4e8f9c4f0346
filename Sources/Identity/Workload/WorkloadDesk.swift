import EdgeCrypto
import Logging
import Policy
import Store
import Synchronization

/// Where jobs show their tokens (security rule 14): for an ssh key that stands for a service account from then on, or for a
/// visit. Lock order: this desk's lock may be held while the binding directory's is taken, never the other way round.
package final class WorkloadDesk: Sendable {
  private struct State {
    var table = WorkloadTable()
    var issuers: [WorkloadIssuer: IssuerKeys] = [:]
    var budget = SourceBudget()
  }

  /// Longer tokens than any issuer makes are not looked at.
  static let maximumTokenLength = 16 << 10
  static let used = RecordKind("workload-token")

  private let store: any RecordStore
  private let fetcher: any Fetcher
  private let clock: UnixClock
  private let logger: Logger
  private let people: BindingDirectory
  private let changes: Observers<SessionChange>
  private let events: Observers<IdentityEvent>
  private let state = Mutex(State())
  private let trustsSomebody = Atomic(false)

  init(
    store: any RecordStore, fetcher: any Fetcher, clock: @escaping UnixClock, logger: Logger, people: BindingDirectory,
    changes: Observers<SessionChange>, events: Observers<IdentityEvent>
  ) {
    self.store = store
    self.fetcher = fetcher
    self.clock = clock
    self.logger = logger
    self.people = people
    self.changes = changes
    self.events = events
  }

  func load() async throws(StoreError) {
    let bindings = try await store.records(WorkloadBinding.kind).compactMap { WorkloadBinding($0) }
    let used = try await store.records(Self.used).compactMap { record in record.expiresAt.map { (record.id, $0) } }
    let now = clock()
    state.withLock { $0.table.load(bindings, used: used, at: now) }
    for binding in bindings {
      _ = people.reserve(binding.fingerprint, until: binding.forgottenAt)
    }
  }

  /// Takes changed accounts. Who may not visit any more is told of before this returns.
  func replace(_ accounts: ServiceAccounts) {
    let now = clock()
    changes.tell(
      state.withLock { state in
        let told = state.table.replace(accounts, at: now)
        // What is known of an issuer that stays is kept.
        let issuers = state.table.issuers
        state.issuers = state.issuers.filter { issuers.contains($0.key) }
        trustsSomebody.store(!issuers.isEmpty, ordering: .relaxed)
        return told
      })
  }

  /// What time does.
  func sweep() {
    let now = clock()
    let ended = state.withLock { $0.table.removeEnded(at: now) }
    changes.tell(ended.changes)
    events.tell(ended.bindings.map { .workload(.keyEnded($0)) })
  }

  /// Asked for every request.
  var hasIssuers: Bool { trustsSomebody.load(ordering: .relaxed) }

  // MARK: Keys

  /// Gives an ssh key to the service account that takes the token; the token is used up by that.
  func bind(
    token text: String, key line: String, from source: String, maximumSession: Int64
  ) async throws(WorkloadRefusal) -> WorkloadTable.Grant {
    do throws(WorkloadRefusal) {
      try spend(SourceAddress(source))
      let key = try WorkloadKey(line: line)
      let token = try await verify(try parse(text))
      let grant = try take(key, token, from: source, maximumSession)
      try await write(grant, token)
      let binding = grant.binding
      logger.notice(
        "ssh key bound to a service account",
        metadata: [
          "fingerprint": "\(binding.fingerprint)", "account": "\(binding.account)", "issuer": "\(binding.issuer)",
          "job": "\(quoted(binding.job))", "source": "\(source)",
        ])
      events.tell([.workload(.keyBound(binding))])
      return grant
    } catch {
      // Whoever asks too often must not fill the log, either.
      if error.kind != .tooMany { events.tell([.workload(.keyRefused(reason: error.description))]) }
      throw error
    }
  }

  private func take(
    _ key: WorkloadKey, _ token: WorkloadToken, from source: String, _ maximumSession: Int64
  ) throws(WorkloadRefusal) -> WorkloadTable.Grant {
    let now = clock()
    let people = people
    return try state.withLock { state in
      state.table.bind(
        key, to: token, from: source, maximumSession: maximumSession, at: now,
        reserve: { people.reserve($0, until: $1) })
    }.get()
  }

  /// The used token first: it must count once however often the edge starts, and whoever else uses the store.
  private func write(_ grant: WorkloadTable.Grant, _ token: WorkloadToken) async throws(WorkloadRefusal) {
    let binding = grant.binding
    var isFresh = false
    do throws(StoreError) {
      isFresh = try await store.put(Self.used, token.useID, [], expiresAt: token.expiresAt, if: .absent) != nil
      if isFresh {
        try await store.put(
          WorkloadBinding.kind, binding.fingerprint, binding.encoded, expiresAt: binding.forgottenAt)
      }
    } catch {
      undo(grant, token, isUsed: isFresh)
      throw WorkloadRefusal(
        .unavailable, "The key could not be stored. Try again with a fresh token.", diagnostics: "\(error)",
        retryAfter: 5)
    }
    guard isFresh else {
      undo(grant, token, isUsed: true)
      throw WorkloadTable.usedBefore
    }
  }

  private func undo(_ grant: WorkloadTable.Grant, _ token: WorkloadToken, isUsed: Bool) {
    let now = clock()
    let people = people
    let fingerprint = grant.binding.fingerprint
    state.withLock { state in
      state.table.undo(grant, token, isUsed: isUsed, at: now)
      guard let held = state.table.binding(fingerprint) else { return people.release(fingerprint) }
      _ = people.reserve(fingerprint, until: held.forgottenAt)
    }
    // While the store was waited for somebody may have come in with it.
    changes.tell([.bindingRevoked(fingerprint: fingerprint, sessionID: grant.binding.sessionID)])
  }

  /// What others take out of the store ends; what was lost with the file is written again.
  func follow(_ change: RecordChange) async {
    let now = clock()
    guard !change.isForeign else {
      guard change.kind == WorkloadBinding.kind, let binding = state.withLock({ $0.table.forget(change.id) }) else {
        return
      }
      people.release(binding.fingerprint)
      changes.tell([.bindingRevoked(fingerprint: binding.fingerprint, sessionID: binding.sessionID)])
      return events.tell([.workload(.keyEnded(binding))])
    }
    let (binding, usedUntil) = state.withLock { ($0.table.binding(change.id), $0.table.used(change.id)) }
    do throws(StoreError) {
      if change.kind == Self.used, let usedUntil, now < usedUntil {
        try await store.put(Self.used, change.id, [], expiresAt: usedUntil)
      } else if change.kind == WorkloadBinding.kind, let binding, now < binding.forgottenAt {
        try await store.put(
          WorkloadBinding.kind, binding.fingerprint, binding.encoded, expiresAt: binding.forgottenAt)
      }
    } catch {
      logger.error(
        "record not written", metadata: ["record": "\(change.kind.rawValue) \(change.id)", "error": "\(error)"])
    }
  }

  /// Whom a key speaks for whose signature was verified; what it came in does not matter.
  package func admit(fingerprint: String, source: String) -> ServiceAccounts.Answer {
    let now = clock()
    return state.withLock { $0.table.admit(fingerprint, from: source, at: now) }
  }

  // MARK: Visits

  /// Who shows this token; only what was verified before.
  func visit(_ text: String, host: String, from source: String) -> Session? {
    guard text.utf8.count <= Self.maximumTokenLength else { return nil }
    let id = WorkloadTable.visitID(text, from: source)
    let now = clock()
    guard let session = state.withLock({ $0.table.visit(id, at: now) }), Self.mayVisit(session, host) else {
      return nil
    }
    return session
  }

  func session(id: String) -> Session? {
    let now = clock()
    return state.withLock { $0.table.session(id: id, at: now) }
  }

  /// Verifies a token that is shown for a visit. What no issuer of ours has made is somebody else's, for the service behind us.
  func admitVisit(
    _ text: String, host: String, from source: String, maximumSession: Int64
  ) async -> WorkloadAnswer {
    guard let signed = try? parse(text), issuer(of: signed) != nil else { return .notOurs }
    do throws(WorkloadRefusal) {
      return .admitted(try await newVisit(text, signed, host: host, from: source, maximumSession))
    } catch {
      if error.kind != .tooMany {
        events.tell([.workload(.visitRefused(reason: error.description, source: source))])
      }
      return .refused(error.message)
    }
  }

  private func newVisit(
    _ text: String, _ signed: SignedToken, host: String, from source: String, _ maximumSession: Int64
  ) async throws(WorkloadRefusal) -> Session {
    let id = WorkloadTable.visitID(text, from: source)
    let address = SourceAddress(source)
    let asked = clock()
    if let known = state.withLock({ $0.table.visit(id, at: asked) }) { return try Self.visitor(known, host) }
    try spend(address)
    let token = try await verify(signed)
    let now = clock()
    let session = try state.withLock { state in
      let verdict = state.table.admitVisit(id, token, from: source, maximumSession: maximumSession, at: now)
      if case .success = verdict { state.budget.giveBack(address) }
      return verdict
    }.get()
    events.tell([
      .workload(.visitAdmitted(session, issuer: token.claims.issuer.name, job: token.claims.subject, source: source))
    ])
    return try Self.visitor(session, host)
  }

  private static func visitor(_ session: Session, _ host: String) throws(WorkloadRefusal) -> Session {
    guard mayVisit(session, host) else {
      throw WorkloadRefusal(.forbidden, "The service account \(session.subject.displayName) is not for \(host).")
    }
    return session
  }

  /// Literally listed (security rule 13).
  private static func mayVisit(_ session: Session, _ host: String) -> Bool {
    session.subject.publishableHosts?.contains(host) ?? false
  }

  // MARK: Tokens

  private func parse(_ text: String) throws(WorkloadRefusal) -> SignedToken {
    guard text.utf8.count <= Self.maximumTokenLength else {
      throw WorkloadRefusal(.badRequest, "The token is longer than \(Self.maximumTokenLength) bytes.")
    }
    do throws(TokenFault) { return try SignedToken(text) } catch {
      throw WorkloadRefusal(.untrusted, "The token is refused: \(error).")
    }
  }

  private func issuer(of token: SignedToken) -> WorkloadIssuer? {
    guard let name = token.unverifiedIssuer else { return nil }
    return state.withLock { $0.table.issuer(named: name) }
  }

  private func verify(_ signed: SignedToken) async throws(WorkloadRefusal) -> WorkloadToken {
    guard let issuer = issuer(of: signed) else {
      throw WorkloadRefusal(
        .untrusted,
        "No service account of this edge trusts \(quoted(signed.unverifiedIssuer ?? "")), the token's issuer.")
    }
    let keys = state.withLock { state in
      if let known = state.issuers[issuer] { return known }
      let fresh = IssuerKeys(issuer, fetcher: fetcher, clock: clock)
      state.issuers[issuer] = fresh
      return fresh
    }
    return try await keys.verify(signed)
  }

  private func spend(_ source: SourceAddress) throws(WorkloadRefusal) {
    let now = clock()
    guard let wait = state.withLock({ $0.budget.take(source, at: now) }) else { return }
    throw WorkloadRefusal(
      .tooMany, "Too many tokens came from this address. Try again in \(wait) s.", retryAfter: wait)
  }
}
