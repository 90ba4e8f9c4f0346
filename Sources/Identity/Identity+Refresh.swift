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
    guard let token = entry.refresh?.token, entry.providerFingerprint == settings.providerFingerprint else { return }
    do throws(IdentityError) {
      let answer = try await settings.provider.requestTokens([
        ("grant_type", "refresh_token"), ("refresh_token", token),
      ])
      // The new token first: the old one may be worthless from now on, whatever the rest says.
      let next = SessionDirectory.RefreshState(
        token: answer.refreshToken ?? token, dueAt: clock().adding(seconds: refreshInterval(after: answer, settings)))
      let keepsTokens = settings.configuration.keepsProviderTokens
      sessions.update(entry.session.id) { entry in
        entry.refresh = next
        let old = entry.tokens ?? ProviderTokens(accessToken: nil, idToken: nil)
        entry.tokens = keepsTokens ? old.refreshed(by: answer) : nil
      }
      if answer.refreshToken != nil || keepsTokens, let updated = sessions.entry(entry.session.id, at: clock()) {
        await write(updated)
      }
      try await takeOver(answer, for: entry.session, settings)
    } catch {
      switch error.kind {
      case .expired, .tokenRefused:
        // The provider has withdrawn the grant, or vouches for somebody else.
        logger.notice("refresh refused", metadata: ["session": "\(entry.session.id)", "error": "\(error)"])
        await end([entry.session.id], reason: "the identity provider ended it")
      default:
        logger.warning("refresh failed", metadata: ["session": "\(entry.session.id)", "error": "\(error)"])
      }
    }
  }

  private func takeOver(_ answer: TokenAnswer, for session: Session, _ settings: Settings) async throws(IdentityError) {
    let old = session.subject
    var merger: ClaimMerger
    if let token = answer.idToken {
      let metadata = try await settings.provider.discover()
      let idToken = try await settings.provider.verify(
        token,
        expect: IDToken.Expectation(
          issuer: metadata.issuer, clientID: settings.configuration.provider.clientID, subject: old.userID,
          accessToken: answer.accessToken, now: clock()))
      merger = ClaimMerger(idToken: idToken.claims)
      try await addUserinfo(&merger, of: old.userID, accessToken: answer.accessToken, settings)
    } else {
      // Several providers send no ID token on refresh; userinfo then says what is true now.
      guard let accessToken = answer.accessToken,
        let userinfo = try await settings.provider.userinfo(accessToken: accessToken)
      else { return }
      guard userinfo.text("sub") == old.userID else {
        throw IdentityError(.tokenRefused, "The identity provider's answers are about different people.")
      }
      merger = ClaimMerger(idToken: userinfo)
      merger.add(userinfo: .object(old.claims))
    }
    merger.keepProviderSession(of: old.claims)
    let subject = merger.subject(
      sessionID: session.id, issuer: old.issuer, userID: old.userID, configuration: settings.configuration.provider,
      expiresAt: session.expiresAt)
    guard subject != old else { return }
    let updated = sessions.update(session.id) { entry in
      entry.session.subject = subject
      entry.session.version += 1
    }
    guard let updated else { return }
    observers.tell([.changed(sessionID: session.id)])
    await write(updated)
  }
}
