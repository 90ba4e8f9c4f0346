import Logging
import Policy
import Synchronization

/// Asking the provider again, so that a removal there is felt here (security rule 30).
extension Identity {
  /// In seconds; ten minutes at most, with time to spare for a retry.
  static let refreshInterval: Int64 = 480
  /// After a failure that is not the person's.
  private static let retryInterval: Int64 = 60
  /// How long before its end an access token is exchanged; the front door may hand on one that is a minute old.
  private static let tokenMargin: Int64 = 90
  private static let batch = 64
  private static let parallel = 4

  /// Where services are handed the access token it must not grow too old for them.
  func refreshInterval(after answer: TokenAnswer, _ settings: Settings) -> Int64 {
    guard settings.configuration.keepsProviderTokens, let lifetime = answer.lifetime else {
      return Self.refreshInterval
    }
    return min(Self.refreshInterval, max(lifetime - Self.tokenMargin, Self.retryInterval))
  }

  /// One batch at a time, beside the sweep.
  func startRefreshing() {
    let isFirst = backlog.withLock { backlog in
      defer { backlog.isRefreshing = true }
      return !backlog.isRefreshing
    }
    guard isFirst else { return }
    let due = sessions.takeDueForRefresh(at: clock(), limit: Self.batch, putOff: Self.retryInterval)
    guard !due.isEmpty else {
      backlog.withLock { $0.isRefreshing = false }
      return
    }
    Task {
      await refresh(due)
      backlog.withLock { $0.isRefreshing = false }
    }
  }

  /// Refreshes these sessions, a few at a time.
  func refresh(_ due: [SessionDirectory.Entry]) async {
    await withDiscardingTaskGroup { group in
      for lane in 0..<Self.parallel {
        let share = stride(from: lane, to: due.count, by: Self.parallel).map { due[$0] }
        group.addTask { for entry in share { await self.refresh(entry) } }
      }
    }
  }

  private func refresh(_ entry: SessionDirectory.Entry) async {
    let settings = settings
    guard let token = entry.refresh?.token, settings.accepts(entry),
      let provider = settings.provider(of: entry.session.client)
    else { return }
    do throws(IdentityError) {
      try await refresh(entry, by: token, provider, settings)
    } catch {
      var error = error
      if error.kind == .withdrawn, provider.sharesGrants, let other = sessions.otherGrant(than: entry, at: clock()) {
        do throws(IdentityError) { return try await refresh(entry, by: other, provider, settings) } catch let second {
          error = second
        }
      }
      switch error.kind {
      case .expired, .withdrawn, .tokenRefused:
        // The provider has withdrawn the grant, or vouches for somebody else. Other sessions of theirs are asked about now,
        // not in their turn.
        logger.notice("refresh refused", metadata: ["session": "\(entry.session.id)", "error": "\(error)"])
        sessions.hasten(like: entry, at: clock())
        await end([entry.session.id], reason: "the identity provider ended it")
      default:
        logger.warning("refresh failed", metadata: ["session": "\(entry.session.id)", "error": "\(error)"])
        await followFailure(entry, error)
      }
    }
  }

  /// Asks again later: what is known serves as long as the provider is not there, but not where it refuses this person.
  private func followFailure(_ entry: SessionDirectory.Entry, _ error: IdentityError) async {
    let now = clock()
    var next = now.adding(seconds: max(error.retryAfter ?? 0, Self.retryInterval))
    if error.refusesToken, let refresh = sessions.entry(entry.session.id, at: now)?.refresh {
      let refusedSince = refresh.refusedSince ?? now
      let (verdict, knowsOthers) = refusals.withLock { refusals in
        var watch = refusals[entry.providerFingerprint] ?? RefusalWatch()
        let verdict = watch.refuse(
          Self.person(entry), since: refresh.confirmedAt, refusedSince: refusedSince, at: now)
        refusals[entry.providerFingerprint] = watch
        return (verdict, watch.knowsOthers(than: Self.person(entry), since: refusedSince, at: now))
      }
      switch verdict {
      case .tooOld:
        return await end([entry.session.id], reason: "the identity provider does not say any more who it is")
      case .serves(let end):
        sessions.update(entry.session.id) { $0.refresh?.refusedSince = refusedSince }
        next = min(next, end)
        // Whether it is them alone must be known by then; where few are signed in, nobody else may be due.
        if !knowsOthers { sessions.hastenAnother(than: entry, at: now) }
      }
    }
    sessions.update(entry.session.id) { $0.refresh?.dueAt = next }
  }

  private static func person(_ entry: SessionDirectory.Entry) -> String {
    "\(entry.session.subject.issuer)\n\(entry.session.subject.userID)"
  }

  /// The provider has said who it is.
  private func noteConfirmed(_ entry: SessionDirectory.Entry) {
    let now = clock()
    sessions.update(entry.session.id) { entry in
      entry.refresh?.confirmedAt = now
      entry.refresh?.refusedSince = nil
    }
    refusals.withLock {
      $0[entry.providerFingerprint, default: RefusalWatch()].confirm(Self.person(entry), at: now)
    }
  }

  private func refresh(
    _ entry: SessionDirectory.Entry, by token: String, _ provider: any SignInProvider, _ settings: Settings
  ) async throws(IdentityError) {
    let proved = try await provider.renew(token, of: entry.session.subject) { answer in
      // The new token first: the old one may be worthless from now on, whatever the rest says.
      let next = answer.refreshToken ?? token
      let dueAt = clock().adding(seconds: refreshInterval(after: answer, settings))
      let keepsTokens = settings.configuration.keepsProviderTokens
      let renewed = { (entry: inout SessionDirectory.Entry) in
        entry.refresh?.token = next
        entry.refresh?.dueAt = dueAt
        let old = entry.tokens ?? ProviderTokens(accessToken: nil, idToken: nil)
        entry.tokens = keepsTokens ? old.refreshed(by: answer) : nil
      }
      if sessions.update(entry.session.id, renewed) == nil, next != entry.refresh?.token {
        // It ended while the provider was asked: what was given back then, if anything, was the old token.
        var ended = entry
        renewed(&ended)
        giveBack(ended)
      }
      if next != entry.refresh?.token || keepsTokens, let updated = sessions.entry(entry.session.id, at: clock()) {
        await write(updated)
      }
    }
    if let proved { await takeOver(proved, for: entry.session, provider.configuration) }
    if let refusal = proved?.refusal { throw refusal }
    noteConfirmed(entry)
  }

  private func takeOver(
    _ person: ProvedPerson, for session: Session, _ configuration: ProviderConfiguration
  ) async {
    let old = session.subject
    let subject = person.claims.subject(
      sessionID: session.id, issuer: old.issuer, userID: old.userID, configuration: configuration,
      expiresAt: session.expiresAt)
    guard subject != old else { return }
    let updated = sessions.update(session.id) { entry in
      entry.session.subject = subject
      entry.session.version += 1
    }
    guard let updated else { return }
    observers.tell([.changed(sessionID: session.id)])
    events.tell([.claimsChanged(updated.session)])
    await write(updated)
  }
}
