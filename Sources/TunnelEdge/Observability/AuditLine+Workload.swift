import Identity
import Policy

/// Lines about jobs and their tokens, and never the token.
extension AuditLine {
  mutating func write(_ event: WorkloadEvent) {
    switch event {
    case .keyBound(let binding):
      add(.workloadKeyBound)
      add(binding)
    case .keyEnded(let binding):
      add(.workloadKeyEnded)
      add(binding)
    case .keyRefused(let reason):
      add(.workloadKeyRefused)
      add("reason", reason)
    case .visitAdmitted(let session, let issuer, let job, let source):
      add(.workloadVisit)
      add("service-account", session.subject.serviceAccount ?? "")
      add("issuer", issuer)
      add("job", job)
      add("source", source)
      add("session", session.id)
      add("until", CivilTime(session.expiresAt).text)
    case .visitRefused(let reason, let source):
      add(.workloadVisitRefused)
      add("reason", reason)
      add("source", source)
    }
  }

  private mutating func add(_ binding: WorkloadBinding) {
    add("service-account", binding.account)
    add("key", binding.fingerprint)
    add("issuer", binding.issuer)
    add("job", binding.job)
    add("bound-from", binding.sourceAddress)
    add("until", CivilTime(binding.expiresAt).text)
  }
}
