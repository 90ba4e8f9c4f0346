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
    await finishEnding(sessions.removeExpired(at: now), reason: "expired")
    for notice in codes.withLock({ $0.removeExpired(at: now) }) { tell(notice) }
    handOvers.withLock { $0.removeExpired(at: now) }
    journeys.withLock { $0.removeExpired(at: now) }
    bindingDirectory.removeForgotten(at: now)
    await writeUses()
    await retry()
    await cleanUp(at: now)
    startRefreshing()
  }

  /// The last use of keys, as of now.
  private func writeUses() async {
    for binding in bindingDirectory.takeUnwritten() {
      do throws(StoreError) {
        try await store.put(KeyBinding.kind, binding.id, binding.encoded, expiresAt: binding.expiresAt)
        if !bindingDirectory.contains(binding.id) { try await store.delete(KeyBinding.kind, binding.id) }
      } catch {
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
    for deletion in deletions {
      // What has been bound again since must stay.
      if deletion.kind == KeyBinding.kind, bindingDirectory.contains(deletion.id) { continue }
      await delete(deletion.kind, deletion.id)
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
