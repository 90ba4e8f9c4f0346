import Foundation

/// What `policy explain` prints: usually of one route; of all that have the name that is to be published.
struct ExplainedAnswer {
  /// Never empty; one that allows suffices.
  let decisions: [ExplainedDecision]

  var isAllowed: Bool { decisions.contains(where: \.isAllowed) }

  var text: String {
    let parts = decisions.map(\.text)
    guard parts.count > 1 else { return parts.joined() }
    let answer = isAllowed ? "allowed, for one of them suffices" : "refused by all of them"
    return (["\(parts.count) routes have this name: \(answer)."] + parts).joined(separator: "\n\n")
  }

  /// The route that made the answer, with the others beside it.
  func json() throws -> String {
    let first = decisions.firstIndex(where: \.isAllowed) ?? 0
    var reports = decisions.map(\.report)
    var report = reports.remove(at: first)
    report.others = reports.isEmpty ? nil : reports
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    return String(decoding: try encoder.encode(report), as: UTF8.self)
  }
}
