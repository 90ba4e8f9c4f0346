import Policy

/// Keeps refusals from flooding the log: the first of a source is told at once, a few sources at most, everything else as
/// sums when the interval ends.
struct RefusalJournal: Sendable {
  /// Seconds between summaries.
  static let interval: Int64 = 30
  /// Sources told at once, and sources with a line of their own in a summary.
  static let told = 8
  /// Sources counted one by one; the rest of an interval is one sum.
  private static let remembered = 512

  struct Line: Sendable, Equatable {
    /// `nil`: all others together.
    var source: String?
    var reason: GateRefusal
    var count: Int
  }

  private struct Key: Hashable {
    let source: SourceBlock?
    let reason: GateRefusal
  }

  private var lines: [Key: Line] = [:]
  private var others: [GateRefusal: Int] = [:]
  private var toldNow = 0

  /// Whether this one is worth a line at once.
  mutating func note(_ reason: GateRefusal, _ source: SourceBlock?, _ text: String) -> Bool {
    let key = Key(source: source, reason: reason)
    if lines[key] != nil {
      lines[key]?.count += 1
      return false
    }
    guard lines.count < Self.remembered else {
      others[reason, default: 0] += 1
      return false
    }
    let isTold = toldNow < Self.told
    if isTold { toldNow += 1 }
    lines[key] = Line(source: text, reason: reason, count: isTold ? 0 : 1)
    return isTold
  }

  /// What has not been told yet; begins the next interval.
  mutating func summary() -> [Line] {
    let all = lines.values.filter { $0.count > 0 }.sorted { $0.count > $1.count }
    for line in all.dropFirst(Self.told) { others[line.reason, default: 0] += line.count }
    var result = Array(all.prefix(Self.told))
    for reason in GateRefusal.allCases {
      if let count = others[reason] { result.append(Line(source: nil, reason: reason, count: count)) }
    }
    self = RefusalJournal()
    return result
  }
}
