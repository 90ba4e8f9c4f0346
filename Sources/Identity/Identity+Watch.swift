import Logging
import Policy
import Store

/// What others do to the store while this edge runs: whatever is ended there ends here (security rule 30).
extension Identity {
  /// Follows the store until it is closed. Run by the composition root, beside the poll that finds out.
  package func followStore() async {
    for await change in await store.changes() { await follow(change) }
  }

  func follow(_ change: RecordChange) async {
    switch (change.kind, change.action) {
    case (SessionRecord.kind, .deleted):
      guard let entry = sessions.entry(change.id, at: clock()) else { return }
      // The file was lost, not the session.
      guard change.isForeign else { return await write(entry) }
      await end([change.id], reason: "removed from the store")
    case (KeyBinding.kind, .deleted):
      guard change.isForeign else { return await writeAgain(change.id) }
      if let binding = bindingDirectory.remove(change.id) {
        await finishEnding([binding], reason: "removed from the store")
      }
    case (ProgramToken.kind, .deleted):
      guard let (token, _) = tokenDirectory.find(change.id) else { return }
      guard change.isForeign else { return await writeAgain(token) }
      await end(token, reason: "removed from the store")
    case (SessionRecord.kind, .written) where change.isForeign: await takeOver(sessionID: change.id)
    case (KeyBinding.kind, .written) where change.isForeign: await takeOver(bindingID: change.id)
    case (WorkloadBinding.kind, .deleted), (WorkloadDesk.used, .deleted): await workloads.follow(change)
    default: break
    }
  }

  private func takeOver(sessionID id: String) async {
    let settings = settings
    let wasKnown = sessions.entry(id, at: clock()) != nil
    guard let record = await read(SessionRecord.kind, id),
      let stored = SessionRecord.decode(
        record, tokenKey: settings.keys.tokens, refreshAt: clock().adding(seconds: Self.refreshSoon)),
      settings.accepts(stored)
    else { return }
    if wasKnown {
      // One that has ended while it was read stays ended.
      let updated = sessions.update(id) { known in
        let handle = known.handle
        known = stored
        known.handle = handle
      }
      guard updated != nil else { return }
    } else {
      sessions.insert(stored)
    }
    observers.tell([.changed(sessionID: id)])
    if !stored.acceptsCookies { observers.tell([.browserEnded(sessionID: id)]) }
    logger.notice("session changed in the store", metadata: ["session": "\(id)"])
  }

  /// A binding that came to be elsewhere; one whose session is not known is nobody's.
  private func takeOver(bindingID id: String) async {
    guard let record = await read(KeyBinding.kind, id), let binding = KeyBinding(record) else { return }
    let previous = bindingDirectory.binding(id: id)?.0
    bindingDirectory.load([binding], [])
    if let previous, previous.sessionID != binding.sessionID {
      observers.tell([.bindingRevoked(fingerprint: previous.fingerprint, sessionID: previous.sessionID)])
    }
    logger.notice("key binding changed in the store", metadata: ["fingerprint": "\(binding.fingerprint)"])
  }

  private func writeAgain(_ bindingID: String) async {
    guard let (binding, _) = bindingDirectory.binding(id: bindingID) else { return }
    do throws(StoreError) {
      try await store.put(KeyBinding.kind, binding.id, binding.encoded, expiresAt: binding.expiresAt)
    } catch {
      bindingDirectory.keepUnwritten(binding.id)
    }
  }

  private func writeAgain(_ token: ProgramToken) async {
    do throws(StoreError) {
      try await store.put(ProgramToken.kind, token.id, token.encoded, expiresAt: token.expiresAt)
    } catch {
      logger.error("token not stored", metadata: ["token": "\(token.id)", "error": "\(error)"])
    }
  }

  private func read(_ kind: RecordKind, _ id: String) async -> StoredRecord? {
    do throws(StoreError) { return try await store.record(kind, id) } catch {
      logger.error("record not read", metadata: ["record": "\(kind.rawValue) \(id)", "error": "\(error)"])
      return nil
    }
  }

  /// In seconds: what another process has written may be newer than what the provider was asked for here.
  private static let refreshSoon: Int64 = 30
}
