/// What the audit log is told of jobs and their tokens. Never a token.
package enum WorkloadEvent: Sendable {
  /// A key stands for a service account from now on.
  case keyBound(WorkloadBinding)
  /// Its time is over.
  case keyEnded(WorkloadBinding)
  /// A token and a key were shown, and nothing came of it.
  case keyRefused(reason: String)
  /// A token visits for the first time from its address.
  case visitAdmitted(Session, issuer: String, job: String, source: String)
  case visitRefused(reason: String, source: String)
}
