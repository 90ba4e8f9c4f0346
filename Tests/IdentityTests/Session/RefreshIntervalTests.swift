import Policy
import Store
import Testing

@testable import Identity

/// Security rule 30: a removal at the provider is felt within ten minutes, whatever its tokens say of themselves.
@Suite struct RefreshIntervalTests {
  @Test(arguments: [nil, 0, 30, 600, 86_400, Int64(Int32.max)] as [Int64?], [false, true])
  func theProviderIsAskedWithinTenMinutes(_ lifetime: Int64?, _ keepsTokens: Bool) async throws {
    let harness = try await Harness { $0.keepsProviderTokens = keepsTokens }
    let answer = TokenAnswer(accessToken: "a", refreshToken: "r", lifetime: lifetime)
    let interval = harness.identity.refreshInterval(after: answer, harness.identity.settings)
    // Two more tries fit before ten minutes are over, and nobody is asked more than once a minute.
    #expect(interval >= 60 && interval <= 480)
    if !keepsTokens { #expect(interval == 480) }
  }

  /// From the sign-in to the end of the session: due at eight minutes, and again each minute while the provider is ill.
  @Test func aProviderThatIsIllIsAskedAgainAndNobodyIsSignedOut() async throws {
    let harness = try await Harness()
    let session = try await harness.session()
    let directory = harness.identity.sessions
    func isDue() -> Bool { !directory.takeDueForRefresh(at: harness.clock.now, limit: 64, putOff: 60).isEmpty }
    harness.clock.advance(seconds: 479)
    #expect(!isDue())
    harness.clock.advance(seconds: 1)
    #expect(isDue())
    for _ in 0..<3 {
      harness.clock.advance(seconds: 59)
      #expect(!isDue())
      harness.clock.advance(seconds: 1)
      #expect(isDue())
    }
    #expect(harness.identity.session(id: session.id) != nil)
  }
}
