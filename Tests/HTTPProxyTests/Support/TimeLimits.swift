import Testing

/// What a time limit of some milliseconds brings about, on a machine of any speed: `attempt` says whether it was seen, and false
/// where the limit passed before the test had come that far; then it is given a longer one.
func withTimeLimits(
  _ limits: [Int64], sourceLocation: SourceLocation = #_sourceLocation, _ attempt: (Int64) async throws -> Bool
) async throws {
  for limit in limits where try await attempt(limit) { return }
  Issue.record("not seen with any limit of \(limits) ms", sourceLocation: sourceLocation)
}
