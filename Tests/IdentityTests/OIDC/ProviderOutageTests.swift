import EdgeCrypto
import Logging
import Policy
import Store
import Synchronization
import TestSupport
import Testing

@testable import Identity

/// What anybody may send while the provider is down, slow or lying, and what it must not cost (section 5 of the negative
/// tests, "provider down at start, at login, at refresh"; the rest of it is in Tests/EndToEnd/test_provider_outage.py).
@Suite struct ProviderOutageTests {
  /// A token of the right form whose signature is nobody's.
  private func forged(_ harness: Harness, _ number: Int, keyID: String? = "forged") -> String {
    let now = Double(harness.clock.now.seconds)
    var header: [String: ClaimValue] = ["alg": .string("RS256"), "typ": .string("logout+jwt")]
    header["kid"] = keyID.map { .string($0) }
    let claims: [String: ClaimValue] = [
      "iss": .string("https://idp.example"), "aud": .string("edge"), "iat": .number(now), "sub": .string("alice-1"),
      "jti": .string("\(number)"), "events": .object([LogoutToken.event: .object([:])]),
    ]
    return [JSONWriter.bytes(.object(header)), JSONWriter.bytes(.object(claims)), [UInt8](repeating: 7, count: 256)]
      .map { Base64.encodeURL($0) }.joined(separator: ".")
  }

  private func genuine(_ harness: Harness) throws -> String {
    let now = Double(harness.clock.now.seconds)
    return try harness.provider.sign(
      [
        "iss": .string("https://idp.example"), "aud": .string("edge"), "iat": .number(now), "sub": .string("alice-1"),
        "jti": .string("genuine"), "events": .object([LogoutToken.event: .object([:])]),
      ], type: "logout+jwt")
  }

  @Test func forgedLogoutTokensDoNotAskAProviderThatIsDownAgainAndAgain() async throws {
    let harness = try await Harness()
    harness.provider.change { $0.keysStatus = 503 }
    for number in 0..<40 {
      let error = await #expect(throws: IdentityError.self) {
        try await harness.identity.backChannelLogout(forged(harness, number))
      }
      #expect(error?.kind == .providerUnreachable)
    }
    #expect(harness.provider.requests(to: "/keys").count == 1)
    harness.clock.advance(seconds: 2)
    await #expect(throws: IdentityError.self) { try await harness.identity.backChannelLogout(forged(harness, 41)) }
    #expect(harness.provider.requests(to: "/keys").count == 2)
    // It recovers as soon as the provider has, and then only what is genuine counts.
    harness.provider.change { $0.keysStatus = 200 }
    harness.clock.advance(seconds: 2)
    let session = try await harness.session("alice")
    #expect(try await harness.identity.backChannelLogout(genuine(harness)) == 1)
    #expect(harness.identity.session(id: session.id) == nil)
  }

  /// Anybody may send logout tokens; what they may ask of the provider is not taken from those who sign in.
  @Test func forgedLogoutTokensKeepNobodyFromNewKeys() async throws {
    let harness = try await Harness()
    _ = try await harness.session("alice")
    for number in 0..<40 {
      await #expect(throws: IdentityError.self) {
        try await harness.identity.backChannelLogout(forged(harness, number))
      }
    }
    #expect(harness.provider.requests(to: "/keys").count == 6)
    harness.provider.change {
      $0.key = TestKeys.otherRSA
      $0.keyID = "rotated"
    }
    _ = try await harness.session("alice")
    #expect(harness.provider.requests(to: "/keys").count == 7)
  }

  @Test func aFailureOfTheKeysIsAnsweredForTwoSeconds() async throws {
    let harness = try await Harness()
    harness.provider.change { $0.keysBody = Array("<html>".utf8) }
    for _ in 0..<10 { await #expect(throws: IdentityError.self) { try await harness.signIn() } }
    #expect(harness.provider.requests(to: "/keys").count == 1)
    harness.provider.change { $0.keysBody = nil }
    harness.clock.advance(seconds: 2)
    _ = try await harness.signIn()
  }

  @Test func warningsAreCountedBeyondABound() async throws {
    let clock = TestClock()
    let warnings = BoundedWarnings(clock: clock.source)
    #expect((0..<100).count { _ in warnings.admit() } == BoundedWarnings.burst)
    #expect(warnings.takeLeftOut() == nil)
    clock.advance(seconds: 1)
    #expect(warnings.takeLeftOut() == 100 - BoundedWarnings.burst)
    #expect(warnings.takeLeftOut() == nil)
    #expect(!warnings.admit())
    clock.advance(seconds: 3600)
    #expect((0..<100).count { _ in warnings.admit() } == BoundedWarnings.burst)
    // A clock that was set back keeps nobody silent for ever.
    clock.advance(seconds: -86_400)
    _ = warnings.admit()
    clock.advance(seconds: 1)
    #expect(warnings.admit())
  }

  @Test func whatTheLogLeavesOutIsCounted() async throws {
    let lines = LineCount()
    let clock = TestClock()
    let provider = ScriptedProvider(clock: clock)
    let logger = Logger(label: "test") { _ in lines }
    let identity = try await Identity(
      Harness.configuration(), store: MemoryStore(clock: clock.source), fetcher: provider, clock: clock.source,
      random: SecureRandom.source, logger: logger)
    for _ in 0..<500 {
      await #expect(throws: IdentityError.self) { try await identity.finishSignIn(query: [("code", "x")], cookies: []) }
    }
    #expect(lines.count(of: "sign-in failed") == BoundedWarnings.burst)
    clock.advance(seconds: 1)
    await identity.sweep()
    #expect(lines.count(of: "more sign-ins failed than the log shows") == 1)
  }

  @Test func redirectsAreFollowedNowhere() async throws {
    for change in [
      { $0.discoveryStatus = 302 }, { $0.keysStatus = 307 }, { $0.tokenStatus = 308 },
      {
        $0.userinfo = ["sub": .string("alice-1"), "groups": .list([.string("admins")])]
        $0.userinfoStatus = 302
        $0.person["groups"] = nil
      },
    ] as [@Sendable (inout ScriptedProvider.State) -> Void] {
      let harness = try await Harness()
      harness.provider.change(change)
      await #expect(throws: IdentityError.self) { try await harness.signIn() }
    }
  }
}

/// Counts the lines of a log by their message.
private struct LineCount: LogHandler {
  private final class Lines: Sendable { let all = Mutex<[String: Int]>([:]) }

  private let lines = Lines()
  var metadata: Logger.Metadata = [:]
  var logLevel = Logger.Level.trace
  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) { lines.all.withLock { $0["\(event.message)", default: 0] += 1 } }

  func count(of message: String) -> Int { lines.all.withLock { $0[message] ?? 0 } }
}
