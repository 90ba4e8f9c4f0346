import Policy

/// How often one address may ask: `burst` times at once, and once a second after that. Bounded: when there are too many
/// addresses, those that have been quiet longest are forgotten.
struct SourceBudget: Sendable {
  static let burst: Int64 = 60
  private static let maximumSources = 4096

  /// Until when a source's questions are paid for: each costs a second.
  private var paidUntil: [SourceAddress: UnixTime] = [:]

  /// - Returns: after how many seconds to come again; `nil`: now is fine.
  mutating func take(_ source: SourceAddress, at now: UnixTime) -> Int64? {
    let source = source.limitGroup
    if paidUntil.count >= Self.maximumSources, paidUntil[source] == nil { forget(at: now) }
    let paid = max(paidUntil[source] ?? now, now).adding(seconds: 1)
    let limit = now.adding(seconds: Self.burst)
    guard paid <= limit else { return max(1, (paid.milliseconds - limit.milliseconds + 999) / 1000) }
    paidUntil[source] = paid
    return nil
  }

  /// What turned out to be welcome costs nothing.
  mutating func giveBack(_ source: SourceAddress) {
    let source = source.limitGroup
    if let paid = paidUntil[source] { paidUntil[source] = paid.adding(seconds: -1) }
  }

  private mutating func forget(at now: UnixTime) {
    paidUntil = paidUntil.filter { $0.value > now }
    guard paidUntil.count >= Self.maximumSources else { return }
    let earliest = paidUntil.sorted { $0.value < $1.value }.prefix(Self.maximumSources / 4)
    for (source, _) in earliest { paidUntil[source] = nil }
  }
}
