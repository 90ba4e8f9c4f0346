import Policy
import Store

/// When the store fails (security rule 30).
extension Identity {
  /// A session that a restart would lose, or that nobody could end from elsewhere, is not begun.
  func checkStore() throws(IdentityError) {
    let health = store.health
    guard health.standing(at: clock()) < .closedToSignIns else { throw Self.storeFault(health.problem) }
  }

  /// Tries as long as sign-ins are open: a disk that is full for a moment costs a person a moment.
  func putPatiently(
    _ kind: RecordKind, _ id: String, _ value: [UInt8], expiresAt: UnixTime
  ) async throws(IdentityError) {
    while true {
      do throws(StoreError) {
        try await store.put(kind, id, value, expiresAt: expiresAt)
        return
      } catch {
        let health = store.health
        guard health.failingSince != nil, health.standing(at: clock()) < .closedToSignIns, !Task.isCancelled else {
          throw Self.storeFault(error.description)
        }
      }
      try? await Task.sleep(for: .milliseconds(250))
    }
  }

  private static func storeFault(_ problem: String) -> IdentityError {
    IdentityError(
      .storage, "This edge cannot store sign-ins at the moment. Please try again in a few minutes.",
      diagnostics: problem)
  }
}
