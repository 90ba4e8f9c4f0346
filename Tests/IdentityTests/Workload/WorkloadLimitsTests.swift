import Foundation
import Policy
import Testing

@testable import Identity

/// "Limits of jobs' tokens" in docs/operations.md names every limit of the code with its value, and nothing else.
@Suite struct WorkloadLimitsTests {
  private static var ofTheCode: [String: String] {
    let configuration = IdentityConfiguration(
      authenticateURL: "https://a.example", sharedSecret: [], provider: Harness.configuration().provider)
    return [
      "IdentityConfiguration.workloadMaxSession": "\(configuration.workloadMaxSession) s",
      "WorkloadToken.longestLifetime": "\(WorkloadToken.longestLifetime) s",
      "WorkloadToken.skew": "\(WorkloadToken.skew) s",
      "WorkloadDesk.maximumTokenLength": "\(WorkloadDesk.maximumTokenLength)",
      "WorkloadKey.maximumLength": "\(WorkloadKey.maximumLength)",
      "SourceBudget.burst": "\(SourceBudget.burst)",
      "WorkloadDesk.maximumVerifying": "\(WorkloadDesk.maximumVerifying)",
      "WorkloadTable.maximumKeys": "\(WorkloadTable.maximumKeys)",
      "WorkloadTable.maximumUsed": "\(WorkloadTable.maximumUsed)",
      "WorkloadTable.maximumVisits": "\(WorkloadTable.maximumVisits)",
      "WorkloadTable.maximumVisitsPerAccount": "\(WorkloadTable.maximumVisitsPerAccount)",
      "IssuerKeys.maximumBytes": "\(IssuerKeys.maximumBytes)",
      "IssuerKeys.lifetime": "\(IssuerKeys.lifetime) s", "IssuerKeys.pause": "\(IssuerKeys.pause) s",
      "WorkloadBinding.remembered": "\(WorkloadBinding.remembered) s",
      "ClaimPattern.maximumLength": "\(ClaimPattern.maximumLength)",
      "ClaimPattern.maximumWildcards": "\(ClaimPattern.maximumWildcards)",
    ]
  }

  @Test func theTableIsTheCode() throws {
    let page = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().appending(path: "docs/operations.md")
    let text = try String(contentsOf: page, encoding: .utf8)
    let section = try #require(text.split(separator: "\n## ").first { $0.hasPrefix("Limits of jobs' tokens") })
    var written: [String: String] = [:]
    for line in section.split(separator: "\n") where line.hasPrefix("| ") {
      let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      guard let name = cells.last, name.hasPrefix("`"), cells.count >= 3 else { continue }
      written[name.filter { $0 != "`" }] = cells[1]
    }
    #expect(written == Self.ofTheCode)
  }
}
