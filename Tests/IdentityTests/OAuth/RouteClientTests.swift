import EdgeCrypto
import Policy
import Store
import Testing

@testable import Identity

/// Clients of routes beside the edge's own.
@Suite struct RouteClientTests {
  private static let other = {
    var client = Harness.configuration().provider
    client.clientID = "other"
    client.clientSecret = "another secret"
    return client
  }()

  private func signIn(_ harness: Harness, client: String?) async throws -> Session {
    harness.provider.change { state in
      state.alter = { $0.claims["aud"] = client == nil ? .string("edge") : .string("other") }
    }
    let start = try await harness.identity.beginSignIn(returnTo: .path("/"), cookies: [], client: client)
    #expect(start.redirect.contains("client_id=\(client == nil ? "edge" : "other")&"))
    return try await harness.identity.finishSignIn(
      query: harness.provider.authorize(start.redirect), cookies: [(start.cookie.name, start.cookie.value)]
    ).session
  }

  @Test func signsInWithTheClientOfTheRoute() async throws {
    let harness = try await Harness { $0.routeClients = [Self.other] }
    let own = try await signIn(harness, client: nil)
    let session = try await signIn(harness, client: Self.other.fingerprint)
    #expect(own.client == nil)
    #expect(session.client == Self.other.fingerprint)
    #expect(session.subject.isSamePerson(as: own.subject))
    let request = try #require(harness.provider.requests(to: "/token").last)
    #expect(
      request.headers.contains {
        $0 == ("Authorization", "Basic \(Base64.encode(Array("other:another%20secret".utf8)))")
      })
    // A token for the one is none for the other.
    harness.provider.change { $0.alter = nil }
    let start = try await harness.identity.beginSignIn(
      returnTo: .path("/"), cookies: [], client: Self.other.fingerprint)
    await #expect(throws: IdentityError.self) {
      try await harness.identity.finishSignIn(
        query: harness.provider.authorize(start.redirect), cookies: [(start.cookie.name, start.cookie.value)])
    }
  }

  @Test func aClientThatIsTakenOutEndsItsSessionsOnly() async throws {
    let harness = try await Harness { $0.routeClients = [Self.other] }
    let own = try await signIn(harness, client: nil)
    let session = try await signIn(harness, client: Self.other.fingerprint)
    // After a restart both are there.
    let again = try await Harness(clock: harness.clock, store: harness.store) { $0.routeClients = [Self.other] }
    #expect(again.identity.session(id: session.id)?.client == Self.other.fingerprint)
    try await harness.identity.replace(Harness.configuration())
    #expect(harness.identity.session(id: own.id) != nil)
    #expect(harness.identity.session(id: session.id) == nil)
    await #expect(throws: IdentityError.self) {
      try await harness.identity.beginSignIn(returnTo: .path("/"), cookies: [], client: Self.other.fingerprint)
    }
  }

  /// The client of a route becomes the edge's own: what bore its name then is not taken for the edge's own session.
  @Test func namesAreNotMixedUp() async throws {
    let harness = try await Harness { $0.routeClients = [Self.other] }
    let session = try await signIn(harness, client: Self.other.fingerprint)
    var configuration = Harness.configuration()
    configuration.provider = Self.other
    try await harness.identity.replace(configuration)
    #expect(harness.identity.session(id: session.id) == nil)
  }

  @Test func refreshesWithItsOwnClient() async throws {
    let harness = try await Harness { $0.routeClients = [Self.other] }
    let session = try await signIn(harness, client: Self.other.fingerprint)
    harness.clock.advance(seconds: 480)
    await harness.identity.refresh(
      harness.identity.sessions.takeDueForRefresh(at: harness.clock.now, limit: 10, putOff: 60))
    #expect(harness.identity.session(id: session.id) != nil)
    let request = try #require(harness.provider.requests(to: "/token").last)
    #expect(String(decoding: request.body, as: UTF8.self).contains("grant_type=refresh_token"))
    #expect(request.headers.contains { $0.value.contains(Base64.encode(Array("other:another%20secret".utf8))) })
  }

  @Test func aLogoutTokenForAnyOfTheClientsCounts() async throws {
    let harness = try await Harness { $0.routeClients = [Self.other] }
    let session = try await signIn(harness, client: Self.other.fingerprint)
    var claims: [String: ClaimValue] = [
      "iss": .string("https://idp.example"), "aud": .string("other"), "sub": .string("alice-1"), "jti": .string("1"),
      "iat": .number(Double(harness.clock.now.seconds)), "events": .object([LogoutToken.event: .object([:])]),
    ]
    try await harness.identity.backChannelLogout(try harness.provider.sign(claims, type: "logout+jwt"))
    #expect(harness.identity.session(id: session.id) == nil)
    claims["aud"] = .string("third")
    claims["jti"] = .string("2")
    let foreign = try harness.provider.sign(claims, type: "logout+jwt")
    await #expect(throws: IdentityError.self) { try await harness.identity.backChannelLogout(foreign) }
  }
}
