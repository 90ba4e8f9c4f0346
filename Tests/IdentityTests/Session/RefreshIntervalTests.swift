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

  /// A provider may write any number; none ends the program.
  @Test(arguments: [-9.3e18, -9_223_372_036_854_775_808, -1, 9_223_372_036_854_774_784, 1e19, 0.4])
  func lifetimesThatAreNoneAreNotReckonedWith(_ written: Double) async throws {
    let harness = try await Harness { $0.keepsProviderTokens = true }
    harness.provider.change { $0.alterAnswer = { $0["expires_in"] = .number(written) } }
    let session = try await harness.session()
    let due = try #require(harness.identity.sessions.entry(session.id, at: harness.clock.now)?.refresh?.dueAt)
    #expect(due > harness.clock.now && due <= harness.clock.now.adding(seconds: 480))
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
