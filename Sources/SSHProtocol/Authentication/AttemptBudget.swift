/// How often a client may try (ssh.md 2.2).
struct AttemptBudget {
  private let limits: SSHLimits
  private var requests = 0
  private var failures = 0
  private var signatures = 0
  private var hadNone = false

  init(_ limits: SSHLimits) {
    self.limits = limits
  }

  mutating func spendRequest() throws(SSHError) {
    requests += 1
    guard requests <= limits.authenticationRequests else { throw exhausted("requests", limits.authenticationRequests) }
  }

  /// The first `none` is how clients ask for the methods; it is free.
  mutating func spendFailure(none: Bool = false) throws(SSHError) {
    if none, !hadNone {
      hadNone = true
      return
    }
    failures += 1
    guard failures < limits.authenticationFailures else { throw exhausted("failures", limits.authenticationFailures) }
  }

  mutating func spendSignature() throws(SSHError) {
    signatures += 1
    guard signatures <= limits.signatureChecks else { throw exhausted("signature checks", limits.signatureChecks) }
  }

  private func exhausted(_ what: String, _ bound: Int) -> SSHError {
    SSHError(
      kind: .limit, reason: .noMoreAuthenticationMethods, text: "Too many authentication failures.",
      diagnostic: "expected at most \(bound) authentication \(what), got more")
  }
}
