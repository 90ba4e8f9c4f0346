import TestSupport
import Testing

@testable import Identity

/// "Limits towards identity providers" in docs/operations.md names every limit of the code with its value, and nothing else.
struct ProviderLimitsTests {
  private static let ofTheCode: [String: String] = {
    let fetcher = CurlFetcher.Configuration()
    let request = FetchRequest(.get, "https://idp.example/")
    let gate = ExchangeGate.Limits()
    return [
      "CurlFetcher.Configuration.maximumPending": "\(fetcher.maximumPending)",
      "CurlFetcher.Configuration.maximumPendingPerOrigin": "\(fetcher.maximumPendingPerOrigin)",
      "FetchRequest.timeoutMilliseconds": "\(request.timeoutMilliseconds) ms",
      "FetchRequest.connectTimeoutMilliseconds": "\(request.connectTimeoutMilliseconds) ms",
      "FetchRequest.maximumBytes": "\(request.maximumBytes)",
      "SignedToken.maximumLength": "\(SignedToken.maximumLength)",
      "ProviderKeys.maximumCount": "\(ProviderKeys.maximumCount)",
      "ProviderKeys.maximumCandidates": "\(ProviderKeys.maximumCandidates)",
      "ProviderClient.documentLifetime": "\(ProviderClient.documentLifetime) s",
      "ProviderClient.staleLifetime": "\(ProviderClient.staleLifetime) s",
      "ProviderSignOuts.limit": "\(ProviderSignOuts.limit)",
      "ProviderSignOuts.longestHint": "\(ProviderSignOuts.longestHint)",
      "GrantRevocations.parallel": "\(GrantRevocations.parallel)",
      "GrantRevocations.limit": "\(GrantRevocations.limit)",
      "RefusalWatch.longestAge": "\(RefusalWatch.longestAge) s",
      "RefusalWatch.longestCommonAge": "\(RefusalWatch.longestCommonAge) s",
      "RefusalWatch.shortestRefusal": "\(RefusalWatch.shortestRefusal) s",
      "GitHubClient.mostPages": "\(GitHubClient.mostPages)", "GitHubClient.pageSize": "\(GitHubClient.pageSize)",
      "GitHubClient.mostBytes": "\(GitHubClient.mostBytes)",
      "GitHubRefusal.usualWait": "\(GitHubRefusal.usualWait) s",
      "GitHubRefusal.longestWait": "\(GitHubRefusal.longestWait) s",
      "RefetchBudget.limit": "\(RefetchBudget.limit)", "RefetchBudget.window": "\(RefetchBudget.window) s",
      "ProviderClient.keysFailureLifetime": "\(ProviderClient.keysFailureLifetime) s",
      "ExchangeGate.Limits.running": "\(gate.running)",
      "ExchangeGate.Limits.runningPerSource": "\(gate.runningPerSource)",
      "ExchangeGate.Limits.waiting": "\(gate.waiting)",
      "ExchangeGate.Limits.waitingPerSource": "\(gate.waitingPerSource)",
      "ExchangeGate.Limits.patience": "\(gate.patience) s", "BoundedWarnings.burst": "\(BoundedWarnings.burst)",
    ]
  }()

  @Test func theTableIsTheCode() throws {
    let table = try LimitsTable(section: "Limits towards identity providers")
    #expect(table.differences(from: Self.ofTheCode) == [])
    #expect(try table.unknownKeys() == [])
  }
}
