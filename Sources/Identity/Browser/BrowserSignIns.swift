import Synchronization

/// How the sign-ins ended that browsers came back with from the provider.
package final class BrowserSignIns: Sendable {
  private let approvals = Atomic<UInt64>(0)
  private let failures = Atomic<UInt64>(0)

  package var approved: UInt64 { approvals.load(ordering: .relaxed) }
  /// Refused by the provider, out of date, or with an answer that cannot be trusted.
  package var failed: UInt64 { failures.load(ordering: .relaxed) }

  func ended(approved isApproved: Bool) {
    if isApproved {
      approvals.wrappingAdd(1, ordering: .relaxed)
    } else {
      failures.wrappingAdd(1, ordering: .relaxed)
    }
  }
}
