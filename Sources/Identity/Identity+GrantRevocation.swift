import Logging
import Synchronization

/// Telling the provider that what it gave for a session is not needed any more (RFC 7009). In the background: no sign-out waits
/// for it, and none fails with it.
extension Identity {
  /// Ends a session that its person does not want any more.
  func endWanted(_ sessionID: String, reason: String) async {
    let entry = sessions.entry(sessionID, at: clock())
    await end([sessionID], reason: reason)
    if let entry { giveBack(entry) }
  }

  func giveBack(_ entry: SessionDirectory.Entry) {
    let settings = settings
    guard settings.accepts(entry), let provider = settings.provider(of: entry.session.client) else { return }
    let refreshToken = entry.refresh.map { ($0.token, TokenKind.refreshToken) }
    guard let (token, kind) = refreshToken ?? entry.tokens?.accessToken.map({ ($0, .accessToken) }),
      isLast(entry)
    else { return }
    let grant = GrantRevocations.Grant(
      entry: entry, token: token, kind: kind, provider: provider, asking: AskingRequest.current)
    switch grantRevocations.withLock({ $0.add(grant) }) {
    case .started: Task { await giveBackWaiting() }
    case .waits: break
    case .full: tellNotRevoked(grant, "too many wait")
    }
  }

  /// Some providers end everything that the client got from a person, not this grant alone: that is for the last one.
  private func isLast(_ entry: SessionDirectory.Entry) -> Bool { !sessions.hasOther(like: entry, at: clock()) }

  func giveBackWaiting() async {
    while let grant = grantRevocations.withLock({ $0.next() }) {
      // They may have signed in again while it waited.
      guard isLast(grant.entry) else { continue }
      do throws(IdentityError) {
        guard try await grant.provider.revoke(grant.token, grant.kind) else { continue }
        AskingRequest.$current.withValue(grant.asking) { events.tell([.grantRevoked(grant.entry.session)]) }
      } catch {
        AskingRequest.$current.withValue(grant.asking) { tellNotRevoked(grant, "\(error)") }
      }
    }
  }

  private func tellNotRevoked(_ grant: GrantRevocations.Grant, _ reason: String) {
    logger.warning(
      "the provider's token was not revoked there",
      metadata: ["session": "\(grant.entry.session.id)", "reason": "\(reason)"])
    events.tell([.grantNotRevoked(grant.entry.session, reason: reason)])
  }
}
