/// How often a client may try (ssh.md 2.2).
struct AttemptBudget {
  private let mostRequests: Int
  private let mostFailures: Int
  private let mostSignatures: Int
  private var requests = 0
  private(set) var failures = 0
  private var signatures = 0
  private var hadNone = false

  init(_ limits: SSHLimits) {
    mostRequests = limits.authenticationRequests
    mostFailures = limits.authenticationFailures
    mostSignatures = limits.signatureChecks
  }

  mutating func spendRequest() throws(SSHError) {
    requests += 1
    guard requests <= mostRequests else { throw exhausted("requests", mostRequests) }
  }

  /// The first `none` is how clients ask for the methods; it is free.
  mutating func spendFailure(none: Bool = false) throws(SSHError) {
    if none, !hadNone {
      hadNone = true
      return
    }
    failures += 1
    guard failures < mostFailures else { throw exhausted("failures", mostFailures) }
  }

  mutating func spendSignature() throws(SSHError) {
    signatures += 1
    guard signatures <= mostSignatures else { throw exhausted("signature checks", mostSignatures) }
  }

  private func exhausted(_ what: String, _ bound: Int) -> SSHError {
    SSHError(
      kind: .limit, reason: .noMoreAuthenticationMethods, text: "Too many authentication failures.",
      diagnostic: "expected at most \(bound) authentication \(what), got more")
  }
}
