import Logging
import Policy
import Store
import Synchronization

/// What time does: called every second by the composition root.
extension Identity {
  package func sweep() async {
    let isFirst = backlog.withLock { backlog in
      defer { backlog.isSweeping = true }
      return !backlog.isSweeping
    }
    guard isFirst else { return }
    defer { backlog.withLock { $0.isSweeping = false } }
    let now = clock()
    let expiredKeys = bindingDirectory.removeExpired(at: now)
    await finishEnding(sessions.removeExpired(at: now), reason: "expired")
    await finishEnding(expiredKeys, reason: "expired")
    for notice in codes.withLock({ $0.removeExpired(at: now) }) { tell(notice) }
    handOvers.withLock { $0.removeExpired(at: now) }
    journeys.withLock { $0.removeExpired(at: now) }
    for token in tokenDirectory.removeUnclaimed(at: now) { await deleteUnclaimed(token) }
    workloads.sweep()
    bindingDirectory.removeForgotten(at: now)
    // While the store fails, what it lacks is kept.
    if store.health.failingSince == nil {
      await writeUses()
      await retry()
      await cleanUp(at: now)
    }
    countWarnings()
    startRefreshing()
  }

  /// What the log left out of failures that anybody can cause.
  private func countWarnings() {
    if let count = signInWarnings.takeLeftOut() {
      logger.warning("more sign-ins failed than the log shows", metadata: ["count": "\(count)"])
    }
    if let count = logoutWarnings.takeLeftOut() {
      logger.warning("more back-channel logouts refused than the log shows", metadata: ["count": "\(count)"])
    }
  }

  /// The last use of keys, as of now.
  private func writeUses() async {
    for binding in bindingDirectory.takeUnwritten() {
      do throws(StoreError) {
        try await store.put(KeyBinding.kind, binding.id, binding.encoded, expiresAt: binding.expiresAt)
        if !bindingDirectory.contains(binding.id) { try await store.delete(KeyBinding.kind, binding.id) }
      } catch {
        bindingDirectory.keepUnwritten(binding.id)
        logger.error("use of a key not stored", metadata: ["binding": "\(binding.id)", "error": "\(error)"])
      }
    }
  }

  private func retry() async {
    let (deletions, sessionIDs) = backlog.withLock { backlog in
      defer {
        backlog.deletions = []
        backlog.sessions = []
      }
      return (backlog.deletions, backlog.sessions)
    }
    for (kind, waiting) in Dictionary(grouping: deletions, by: \.kind) {
      // What has been bound again since must stay.
      let ids = waiting.map(\.id).filter { kind != KeyBinding.kind || !bindingDirectory.contains($0) }
      await delete(kind, ids)
    }
    for id in sessionIDs {
      if let entry = sessions.entry(id, at: clock()) { await write(entry) }
    }
  }

  private func cleanUp(at now: UnixTime) async {
    let isDue = backlog.withLock { backlog in
      guard backlog.lastCleanUp.adding(seconds: 60) <= now else { return false }
      backlog.lastCleanUp = now
      return true
    }
    guard isDue else { return }
    do throws(StoreError) { try await store.removeExpired() } catch {
      logger.error("store not cleaned up", metadata: ["error": "\(error)"])
    }
  }
}
