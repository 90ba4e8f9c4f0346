import EdgeCrypto
import Policy

/// What jobs were given: keys that stand for service accounts, tokens that were used up, tokens that visit. A value; whoever
/// holds it does the locking and the storing.
struct WorkloadTable: Sendable {
  /// A token that visits: verified once, judged again with every change of the configuration.
  struct Visit: Sendable {
    var session: Session
    var claims: WorkloadClaims
    var source: String
    /// What the token allows, whatever the account does.
    var endsAt: UnixTime
  }

  private struct Held: Sendable {
    var binding: WorkloadBinding
    /// Whether its end was told.
    var hasEnded = false
  }

  static let maximumKeys = 16_384
  static let maximumUsed = 65_536
  static let maximumVisits = 16_384
  /// Of one account, once half of all places are taken.
  static let maximumVisitsPerAccount = 4_096

  private(set) var accounts = ServiceAccounts([])
  private var keys: [String: Held] = [:]
  private var used: [String: UnixTime] = [:]
  private var visits: [String: Visit] = [:]
  /// How many of them are an account's.
  private var visitsOf: [String: Int] = [:]
  /// Nothing ends before.
  private var nextEnd = UnixTime(milliseconds: .max)

  // MARK: Accounts

  /// The issuer of that name, where some account trusts it.
  func issuer(named name: String) -> WorkloadIssuer? {
    for account in accounts.accounts {
      for trust in account.workloads where trust.issuer.name.isSameBytes(as: name) { return trust.issuer }
    }
    return nil
  }

  var issuers: Set<WorkloadIssuer> { Set(accounts.accounts.flatMap { $0.workloads.map(\.issuer) }) }

  /// The first account, in the order of the file, whose entry takes the token, if it may come from there now.
  func judge(_ claims: WorkloadClaims, from source: String, at now: UnixTime) -> Result<ServiceAccount, WorkloadRefusal>
  {
    var obstacles: [String] = []
    for account in accounts.accounts {
      for trust in account.workloads where trust.issuer.isSame(as: claims.issuer) {
        guard let obstacle = trust.obstacle(to: claims) else {
          guard let refusal = accounts.obstacle(account, source, at: now) else { return .success(account) }
          return .failure(WorkloadRefusal(.forbidden, refusal))
        }
        obstacles.append("\(account.name): \(obstacle)")
      }
    }
    return .failure(
      WorkloadRefusal(
        .forbidden,
        "No service account of this edge takes this token, which is of \(quoted(claims.subject)) for "
          + "\(quoted(claims.audience)). Compare its audience and claims with `workload` in `service_accounts`.",
        diagnostics: obstacles.isEmpty ? "no entry trusts its issuer" : obstacles.joined(separator: "; ")))
  }

  /// Takes changed accounts; what must be told of tokens that visit. Keys are judged whenever somebody asks for them.
  mutating func replace(_ fresh: ServiceAccounts, at now: UnixTime) -> [SessionChange] {
    accounts = fresh
    var changes: [SessionChange] = []
    for (id, visit) in visits {
      guard case .success(let account) = judge(visit.claims, from: visit.source, at: now),
        account.name == visit.session.subject.serviceAccount
      else {
        setVisit(id, nil)
        changes.append(.ended(sessionID: visit.session.id))
        continue
      }
      let session = Self.session(account, id: visit.session.id, issuedAt: visit.session.issuedAt, visit.endsAt)
      guard session != visit.session else { continue }
      visits[id]?.session = session
      nextEnd = min(nextEnd, session.expiresAt)
      changes.append(.changed(sessionID: session.id))
    }
    return changes
  }

  // MARK: Keys

  struct Grant: Sendable {
    var binding: WorkloadBinding
    var account: ServiceAccount
    /// What held the key until now: the same job.
    var previous: WorkloadBinding?
  }

  /// Gives a key to the account whose entry takes the token, which is used up by that. `reserve` keeps the key from people.
  mutating func bind(
    _ key: WorkloadKey, to token: WorkloadToken, from source: String, maximumSession: Int64, at now: UnixTime,
    reserve: (String, UnixTime) -> Bool
  ) -> Result<Grant, WorkloadRefusal> {
    let account: ServiceAccount
    switch judge(token.claims, from: source, at: now) {
    case .success(let found): account = found
    case .failure(let refusal): return .failure(refusal)
    }
    guard used[token.useID].map({ now >= $0 }) ?? true else { return .failure(Self.usedBefore) }
    guard !accounts.list(key: key.blob) else {
      return .failure(
        WorkloadRefusal(.conflict, "This key is listed for a service account already; make a fresh one for the job."))
    }
    var binding = WorkloadBinding(
      fingerprint: key.fingerprint, account: account.name, sourceAddress: source, boundAt: now,
      expiresAt: min(token.expiresAt, now.adding(seconds: maximumSession), account.expiresAt), claims: token.claims)
    let previous = keys[key.fingerprint]?.binding
    if let previous, now < previous.expiresAt, !previous.isHeld(bySameJobAs: binding) {
      return .failure(
        WorkloadRefusal(.conflict, "This key belongs to another job at the moment; make a fresh one for this job."))
    }
    // What an earlier token gave is not taken back by one that ends sooner.
    if let previous { binding.expiresAt = max(binding.expiresAt, previous.expiresAt) }
    guard previous != nil || keys.count < Self.maximumKeys, used.count < Self.maximumUsed else {
      return .failure(WorkloadRefusal(.tooMany, "Too many jobs hold keys at the moment. Try again.", retryAfter: 60))
    }
    guard reserve(key.fingerprint, binding.forgottenAt) else {
      return .failure(WorkloadRefusal(.conflict, "This key is or was a person's; make a fresh one for the job."))
    }
    used[token.useID] = token.expiresAt
    hold(binding, at: now)
    return .success(Grant(binding: binding, account: account, previous: previous))
  }

  static let usedBefore = WorkloadRefusal(
    .conflict, "This token was used before; each counts once. Ask the issuer for a fresh one.")

  /// Undoes a binding that was not stored; the token may be shown again unless it was used up elsewhere.
  mutating func undo(_ grant: Grant, _ token: WorkloadToken, isUsed: Bool, at now: UnixTime) {
    if !isUsed { used[token.useID] = nil }
    guard keys[grant.binding.fingerprint]?.binding == grant.binding else { return }
    keys[grant.binding.fingerprint] = nil
    if let previous = grant.previous { hold(previous, at: now) }
  }

  /// What the store remembers.
  mutating func load(_ bindings: [WorkloadBinding], used tokens: [(id: String, until: UnixTime)], at now: UnixTime) {
    for binding in bindings.prefix(Self.maximumKeys) { hold(binding, at: now) }
    for token in tokens.prefix(Self.maximumUsed) {
      used[token.id] = token.until
      nextEnd = min(nextEnd, token.until)
    }
  }

  private mutating func hold(_ binding: WorkloadBinding, at now: UnixTime) {
    keys[binding.fingerprint] = Held(binding: binding, hasEnded: now >= binding.expiresAt)
    nextEnd = min(nextEnd, binding.expiresAt)
  }

  mutating func forget(_ fingerprint: String) -> WorkloadBinding? { keys.removeValue(forKey: fingerprint)?.binding }

  /// Until when a token counts as used.
  func used(_ id: String) -> UnixTime? { used[id] }

  func binding(_ fingerprint: String) -> WorkloadBinding? { keys[fingerprint]?.binding }

  /// Whom a key speaks for whose signature was verified.
  func admit(_ fingerprint: String, from source: String, at now: UnixTime) -> ServiceAccounts.Answer {
    guard let binding = keys[fingerprint]?.binding else { return .notOne }
    guard now < binding.expiresAt else {
      let end = CivilTime(binding.expiresAt)
      return .refused(
        "What a job's token gave this key ended on \(end.dateText) at \(end.hourAndMinuteText) UTC. Post a fresh token "
          + "and connect again.")
    }
    switch judge(binding.claims, from: source, at: now) {
    case .success(let account) where account.name == binding.account:
      return .admitted(account.subject(sessionID: binding.sessionID, until: binding.expiresAt))
    case .success: return .refused("The service account \(binding.account) takes the token of this job no more.")
    case .failure(let refusal):
      guard accounts.accounts.contains(where: { $0.name == binding.account }) else {
        return .refused("The service account \(binding.account) is gone.")
      }
      return .refused(
        refusal.diagnostics.isEmpty
          ? refusal.message : "The service account \(binding.account) takes the token of this job no more.")
    }
  }

  // MARK: Visits

  /// Who shows a token that was verified before.
  func visit(_ id: String, at now: UnixTime) -> Session? {
    guard let visit = visits[id], now < visit.session.expiresAt else { return nil }
    return visit.session
  }

  /// The session of that name.
  func session(id: String, at now: UnixTime) -> Session? {
    guard let slash = id.utf8.lastIndex(of: UInt8(ascii: "/")),
      let session = visit(String(id[id.utf8.index(after: slash)...]), at: now), session.id == id
    else { return nil }
    return session
  }

  mutating func admitVisit(
    _ id: String, _ token: WorkloadToken, from source: String, maximumSession: Int64, at now: UnixTime
  ) -> Result<Session, WorkloadRefusal> {
    // From its making, not from its first use: however often and from wherever it is shown, it opens no more than one session.
    let endsAt = min(token.expiresAt, token.issuedAt.adding(seconds: maximumSession))
    guard now < endsAt else {
      return .failure(
        WorkloadRefusal(
          .untrusted,
          "The token was made \(now.seconds - token.issuedAt.seconds) s ago, and visits for \(maximumSession) s "
            + "(workload_max_session): show a fresh one."))
    }
    switch judge(token.claims, from: source, at: now) {
    case .failure(let refusal): return .failure(refusal)
    case .success(let account):
      guard visits[id] != nil || hasRoom(forVisitOf: account.name) else {
        return .failure(WorkloadRefusal(.tooMany, "Too many tokens visit at the moment. Try again.", retryAfter: 60))
      }
      let session = Self.session(
        account, id: "\(ServiceAccounts.sessionPrefix)\(account.name)/\(id)", issuedAt: now, endsAt)
      setVisit(id, Visit(session: session, claims: token.claims, source: source, endsAt: endsAt))
      nextEnd = min(nextEnd, session.expiresAt)
      return .success(session)
    }
  }

  /// One token counts as another visit from each address, and an IPv6 network has as many as one likes: jobs of one account must
  /// not take the places of all others.
  private func hasRoom(forVisitOf account: String) -> Bool {
    guard visits.count < Self.maximumVisits else { return false }
    guard visits.count >= Self.maximumVisits / 2 else { return true }
    return visitsOf[account, default: 0] < Self.maximumVisitsPerAccount
  }

  /// The only place where visits come and go.
  private mutating func setVisit(_ id: String, _ visit: Visit?) {
    let old = visits.removeValue(forKey: id)
    if let name = old?.session.subject.serviceAccount, let count = visitsOf[name] {
      visitsOf[name] = count > 1 ? count - 1 : nil
    }
    guard let visit else { return }
    visits[id] = visit
    if let name = visit.session.subject.serviceAccount { visitsOf[name, default: 0] += 1 }
  }

  private static func session(
    _ account: ServiceAccount, id: String, issuedAt: UnixTime, _ expiresAt: UnixTime
  ) -> Session {
    let subject = account.subject(sessionID: id, until: expiresAt)
    return Session(
      id: id, subject: subject, provider: "workload", issuedAt: issuedAt, expiresAt: subject.expiresAt,
      authenticatedAt: issuedAt)
  }

  /// Names a token and where it comes from. Nothing else is kept of the token.
  static func visitID(_ token: String, from source: String) -> String { shortName(of: "\(source)\n\(token)") }

  static func shortName(of text: String) -> String {
    Base64.encodeURL(Array(Digest.sha256(text).prefix(16)))
  }

  // MARK: Time

  struct Ended: Sendable {
    var bindings: [WorkloadBinding] = []
    var changes: [SessionChange] = []
  }

  /// What has ended since the last time; forgets what is of no use any more.
  mutating func removeEnded(at now: UnixTime) -> Ended {
    guard now >= nextEnd else { return Ended() }
    var ended = Ended()
    nextEnd = UnixTime(milliseconds: .max)
    for (fingerprint, held) in keys {
      let forgotten = held.binding.forgottenAt
      if !held.hasEnded, now >= held.binding.expiresAt {
        keys[fingerprint]?.hasEnded = true
        ended.bindings.append(held.binding)
      }
      if now >= forgotten {
        keys[fingerprint] = nil
      } else {
        nextEnd = min(nextEnd, now < held.binding.expiresAt ? held.binding.expiresAt : forgotten)
      }
    }
    for (id, until) in used {
      if now >= until { used[id] = nil } else { nextEnd = min(nextEnd, until) }
    }
    for (id, visit) in visits {
      guard now >= visit.session.expiresAt else {
        nextEnd = min(nextEnd, visit.session.expiresAt)
        continue
      }
      setVisit(id, nil)
      ended.changes.append(.ended(sessionID: visit.session.id))
    }
    return ended
  }
}
