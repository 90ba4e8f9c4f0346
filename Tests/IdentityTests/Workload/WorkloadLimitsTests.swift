import Policy
import TestSupport
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
      "IssuerKeys.maximumWaiting": "\(IssuerKeys.maximumWaiting)",
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
    let table = try LimitsTable(section: "Limits of jobs' tokens")
    #expect(table.differences(from: Self.ofTheCode) == [])
    #expect(try table.unknownKeys() == [])
  }
}
