import EdgeCrypto
import Policy
import Testing

@testable import Identity

@Suite struct AssertionTests {
  /// Checks it as a service would: with the published keys and nothing else.
  func verify(_ token: String, _ jwks: String) throws -> ClaimValue {
    let keys = try ProviderKeys(try JSONReader.parse(Array(jwks.utf8)))
    return try SignedToken(token).claims(verifiedBy: keys)
  }

  @Test func saysWhoTheVisitorIs() async throws {
    let harness = try await Harness {
      $0.groupsFilter = ["staff"]
      $0.assertionClaims = ["department", "aud", "missing"]
    }
    harness.provider.change { $0.person["department"] = .string("sales") }
    let session = try await harness.session()
    let token = try #require(
      harness.identity.signAssertion(session: session, host: "app.example.test", options: .init()))
    let claims = try verify(token, harness.identity.jwks)
    let now = Double(harness.clock.now.seconds)
    #expect(claims.text("iss") == "app.example.test")
    #expect(claims.text("aud") == "app.example.test")
    #expect(claims.text("sub") == "alice-1")
    #expect(claims.text("user") == "alice-1")
    #expect(claims.text("email") == "alice@example.test")
    #expect(claims.text("name") == "Alice")
    #expect(claims.text("sid") == session.id)
    #expect(claims.text("department") == "sales")
    #expect(claims.member("groups")?.asTexts == ["staff"])
    #expect(claims.member("iat") == .number(now))
    #expect(claims.member("exp") == .number(now + 300))
    let other = try #require(
      harness.identity.signAssertion(session: session, host: "app.example.test", options: .init()))
    #expect(try verify(other, harness.identity.jwks).text("jti") != claims.text("jti"))
    #expect(try SignedToken(token).algorithm.name == "ES256")
    #expect(throws: TokenFault.self) { try verify(String(token.dropLast(4)) + "AAAA", harness.identity.jwks) }
  }

  @Test func saysWhatTheRouteWants() async throws {
    let harness = try await Harness { $0.groupsFilter = ["staff"] }
    let session = try await harness.session()
    let options = AssertionOptions(groups: [], issuerIsURI: true)
    let token = try #require(
      harness.identity.signAssertion(session: session, host: "app.example.test", options: options))
    let claims = try verify(token, harness.identity.jwks)
    #expect(claims.member("groups")?.asTexts == [])
    #expect(claims.text("iss") == "https://app.example.test/")
  }

  /// Security rule 29.
  @Test func namesNoAddressThatNobodyVouchesFor() async throws {
    let harness = try await Harness { $0.assertionClaims = ["email"] }
    harness.provider.change { $0.person["email_verified"] = .bool(false) }
    let session = try await harness.session()
    let token = try #require(
      harness.identity.signAssertion(session: session, host: "app.example.test", options: .init()))
    let claims = try verify(token, harness.identity.jwks)
    #expect(session.subject.email != nil)
    #expect(claims.member("email") == nil && claims.text("sub") == "alice-1")
  }

  @Test func derivesTheSameKeyFromTheSameSecret() async throws {
    let (first, second) = (try await Harness(), try await Harness())
    #expect(first.identity.jwks == second.identity.jwks)
    let other = try await Harness { $0.sharedSecret = [UInt8](repeating: 9, count: 32) }
    #expect(first.identity.jwks != other.identity.jwks)
  }

  /// What is on its way when the key is replaced can still be checked, and no longer than that.
  @Test func aReplacedKeyStaysUntilItsLastAssertionHasEnded() async throws {
    let harness = try await Harness { $0.signingKey = TestKeys.p256 }
    let session = try await harness.session()
    func assertion() throws -> String {
      try #require(harness.identity.signAssertion(session: session, host: "app.example.test", options: .init()))
    }
    let before = try assertion()
    var configuration = Harness.configuration()
    configuration.signingKey = TestKeys.rsa
    try await harness.identity.replace(configuration)
    try await harness.identity.replace(configuration)
    let after = try assertion()
    for token in [before, after] { #expect(try verify(token, harness.identity.jwks).text("sub") == "alice-1") }
    #expect(harness.identity.jwks.ranges(of: "\"kid\"").count == 2, "each once")
    harness.clock.advance(seconds: 300)
    #expect(harness.identity.jwks.contains(TestKeys.p256.publicKey.thumbprint))
    harness.clock.advance(seconds: 60)
    #expect(!harness.identity.jwks.contains(TestKeys.p256.publicKey.thumbprint))
    #expect(throws: TokenFault.self) { try verify(before, harness.identity.jwks) }
    #expect(harness.identity.jwks.contains(TestKeys.rsa.publicKey.thumbprint))
  }

  @Test func signsWithTheConfiguredKey() async throws {
    for key in [TestKeys.p256, TestKeys.rsa] {
      let harness = try await Harness {
        $0.signingKey = key
        $0.issuerIsURI = true
      }
      let token = try #require(
        harness.identity.signAssertion(
          session: try await harness.session(), host: "app.example.test", options: .init()))
      #expect(try verify(token, harness.identity.jwks).text("iss") == "https://app.example.test/")
      #expect(harness.identity.jwks.contains(key.publicKey.thumbprint))
      #expect(!harness.identity.jwks.contains("\"d\""))
    }
    await #expect(throws: IdentityError.self) { try await Harness { $0.signingKey = TestKeys.ed25519 } }
  }
}
