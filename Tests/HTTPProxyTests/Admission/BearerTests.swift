import EdgeCrypto
import Identity
import Policy
import Routing
import Testing

@testable import HTTPProxy

/// Visits with tokens, over a real connection.
@Suite(.timeLimit(.minutes(4))) struct BearerTests {
  private let token = EdgeToken(.login, random: SecureRandom.source).text
  private static let alice = TestIdentity.session("alice")

  /// An edge whose service answers what it was sent, with the route that the test wants.
  private func edge(_ route: Route) async throws -> (TestEdge, TestService) {
    let service = try await TestService { head, connection in connection.reply(head) }
    let edge = try await TestEdge(routes: [route])
    edge.publish(route, port: service.port)
    return (edge, service)
  }

  /// One request, one answer; always a new connection.
  private func ask(_ edge: TestEdge, _ request: String, until text: String) async throws -> String {
    let client = try await edge.client()
    client.send(request)
    return try await client.wait(for: text)
  }

  @Test func aTokenLetsInAndIsNotPassedOn() async throws {
    let (edge, _) = try await edge(try TestEdge.route { $0.passesIdentityHeaders = true })
    edge.identity.know(token, .admitted(Self.alice))
    for field in [
      "Authorization: Bearer \(token)", "Authorization: Pomerium \(token)", "Authorization: Bearer Pomerium-\(token)",
      "X-Pomerium-Authorization: \(token)",
    ] {
      let seen = try await ask(edge, get(cookie: nil, "\(field)\r\n"), until: "X-Request-Id: ")
      #expect(seen.hasPrefix("HTTP/1.1 200"), "\(field)")
      #expect(!seen.contains(token) && !seen.contains("uthorization"), "\(field)")
      #expect(seen.contains("X-Pomerium-Jwt-Assertion: assertion.alice.app.example.com"))
    }
    #expect(
      edge.identity.questions.allSatisfy { $0.host == "app.example.com" && $0.route == "https://app.example.com" })
    await edge.stop()
  }

  @Test func theServicesOwnTokenIsPassedOnUnchanged() async throws {
    let (edge, _) = try await edge(try TestEdge.route())
    edge.identity.know(token, .admitted(Self.alice))
    for field in ["Authorization: Bearer of-the-service", "Authorization: Basic dTpw"] {
      let beside = try await ask(
        edge, get(cookie: nil, "\(field)\r\nX-Pomerium-Authorization: \(token)\r\n"), until: field)
      #expect(beside.hasPrefix("HTTP/1.1 200") && !beside.contains(token))
      let cookie = try await ask(edge, get("/", "\(field)\r\n"), until: field)
      #expect(cookie.hasPrefix("HTTP/1.1 200"))
      let nobody = try await ask(edge, get(cookie: nil, "\(field)\r\n"), until: "sign in")
      #expect(nobody.hasPrefix("HTTP/1.1 401"), "alone it is nothing to the edge")
    }
    await edge.stop()
  }

  /// Never let in by the cookie where the token is wrong, and nobody else's cookie counts beside a good one.
  @Test func aTokenCountsAlone() async throws {
    let (edge, _) = try await edge(try TestEdge.route { $0.passesIdentityHeaders = true })
    for field in [
      "Authorization: Bearer \(token)", "Authorization: Bearer te_login_broken", "X-Pomerium-Authorization: ",
      "Authorization: Pomerium of-nobody",
    ] {
      let refused = try await ask(edge, get(cookie: "bob", "\(field)\r\n"), until: "invalid_token")
      #expect(refused.hasPrefix("HTTP/1.1 401"), "\(field)")
    }
    edge.identity.know(token, .admitted(Self.alice))
    let seen = try await ask(
      edge, get(cookie: "bob", "Authorization: Bearer \(token)\r\n"), until: "assertion.alice.app.example.com")
    #expect(!seen.contains("bob"))
    let twice = try await ask(
      edge, get(cookie: nil, "Authorization: Bearer \(token)\r\nX-Pomerium-Authorization: \(token)\r\n"),
      until: "two tokens")
    #expect(twice.hasPrefix("HTTP/1.1 400"))
    let cookies = try await ask(
      edge, get(cookie: nil, "Authorization: Bearer \(token)\r\nCookie: __Host-_pomerium=a; __Host-_pomerium=b\r\n"),
      until: "two session cookies")
    #expect(cookies.hasPrefix("HTTP/1.1 400"))
    await edge.stop()
  }

  /// Security rule 16.
  @Test func aQueryIsNoPlaceForAToken() async throws {
    let (edge, _) = try await edge(try TestEdge.route())
    edge.identity.know(token, .admitted(Self.alice))
    for name in ["pomerium_session", "pomerium_jwt", "access_token"] {
      let refused = try await ask(edge, get("/?\(name)=\(token)", cookie: nil), until: "sign in")
      #expect(refused.hasPrefix("HTTP/1.1 401"))
    }
    #expect(edge.identity.questions.isEmpty)
    await edge.stop()
  }

  @Test func aPublicRouteAsksNobodyWithoutAToken() async throws {
    let (edge, _) = try await edge(
      try TestEdge.route(policy: .denyAll, isPublic: true) { $0.passesIdentityHeaders = true })
    edge.identity.know(token, .admitted(Self.alice))
    let plain = try await ask(edge, get(cookie: nil, "Authorization: Bearer other\r\n"), until: "Bearer other")
    #expect(plain.hasPrefix("HTTP/1.1 200"))
    #expect(edge.identity.questions.isEmpty)
    let known = try await ask(edge, get(cookie: nil, "Authorization: Bearer \(token)\r\n"), until: "assertion.alice")
    #expect(!known.contains(token))
    let wrong = try await ask(edge, get(cookie: nil, "Authorization: Bearer te_login_x\r\n"), until: "invalid_token")
    #expect(wrong.hasPrefix("HTTP/1.1 401"))
    await edge.stop()
  }

  /// Security rule 30: whose session was ended elsewhere is told to no service either.
  @Test func aPublicRouteIsOpenInNobodysNameWhileTheStoreIsLost() async throws {
    let (edge, _) = try await edge(
      try TestEdge.route(policy: .denyAll, isPublic: true) { $0.passesIdentityHeaders = true })
    edge.identity.know(token, .admitted(Self.alice))
    edge.proxy.setStoreLost(true)
    let last = "Connection: close\r\n"
    for request in [get(cookie: "bob", last), get(cookie: nil, "Authorization: Bearer \(token)\r\n\(last)")] {
      let client = try await edge.client()
      client.send(request)
      let answer = try await client.waitUntilClosed()
      #expect(answer.hasPrefix("HTTP/1.1 200") && answer.contains("GET / HTTP/1.1"))
      #expect(!answer.contains("assertion.") && !answer.contains(token))
    }
    edge.proxy.setStoreLost(false)
    _ = try await ask(edge, get(cookie: "bob"), until: "assertion.bob")
    await edge.stop()
  }

  /// A page of another site can make a browser send its cookie, but no token that it does not know.
  @Test func rulesForCookiesAreForCookies() async throws {
    let (edge, _) = try await edge(try TestEdge.route())
    edge.identity.know(token, .admitted(Self.alice))
    let foreign = "Origin: https://evil.example\r\nContent-Length: 0\r\n"
    let byToken = try await ask(
      edge, get(cookie: "bob", method: "POST", "Authorization: Bearer \(token)\r\n\(foreign)"), until: "X-Request-Id")
    #expect(byToken.hasPrefix("HTTP/1.1 200"))
    let byCookie = try await ask(edge, get(cookie: "bob", method: "POST", foreign), until: "cross_site")
    #expect(byCookie.hasPrefix("HTTP/1.1 403"))
    let beside = try await ask(
      edge, get(cookie: "bob", method: "POST", "Authorization: Bearer other\r\n\(foreign)"), until: "cross_site")
    #expect(beside.hasPrefix("HTTP/1.1 403"), "a token that is not ours takes no rule away")
    await edge.stop()
  }

  @Test func theEndOfATokenEndsItsStreamsAndNoOthers() async throws {
    let service = try await TestService { _, connection in
      connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
    }
    let route = try TestEdge.route()
    let edge = try await TestEdge(routes: [route])
    edge.publish(route, port: service.port)
    let other = EdgeToken(.login, random: SecureRandom.source).text
    edge.identity.know(token, .admitted(Self.alice))
    edge.identity.know(other, .admitted(Self.alice))
    var clients: [RawClient] = []
    for field in ["Authorization: Bearer \(token)\r\n", "Authorization: Bearer \(other)\r\n", ""] {
      let client = try await edge.client()
      client.send(get(cookie: field.isEmpty ? "alice" : nil, field))
      _ = try await client.wait(for: "data: 1")
      clients.append(client)
    }
    edge.identity.know(token, .refused("revoked"), sessionID: "alice")
    _ = try await clients[0].waitUntilClosed()
    // Decided again on the same loops, and let be.
    let again = try await ask(edge, get(cookie: nil, "Authorization: Bearer \(other)\r\n"), until: "data: 1")
    #expect(again.hasPrefix("HTTP/1.1 200"))
    #expect(!clients[1].isClosed && !clients[2].isClosed)
    let refused = try await ask(edge, get(cookie: nil, "Authorization: Bearer \(token)\r\n"), until: "invalid_token")
    #expect(refused.hasPrefix("HTTP/1.1 401"))
    await edge.stop()
  }

  @Test func policiesDecideAboutServiceAccounts() async throws {
    func node(_ key: String, _ value: PolicyNode) -> PolicyNode { PolicyNode(.object([.init(key, value)])) }
    let isNightly = node("service_account", node("is", PolicyNode(.string("nightly"))))
    let parsed = try AccessPolicy(parsing: node("allow", node("or", PolicyNode(.list([isNightly])))))
    let (edge, _) = try await edge(try TestEdge.route(policy: parsed) { $0.passesIdentityHeaders = true })
    let account = EdgeToken(.account, random: SecureRandom.source).text
    func session(_ name: String) -> Session {
      let id = "service-account:\(name)/x"
      let end = UnixTime(milliseconds: .max)
      return Session(
        id: id,
        subject: Subject(
          sessionID: id, issuer: "", userID: name, email: nil, emailIsTrusted: false, name: name, serviceAccount: name,
          expiresAt: end), provider: "service account", issuedAt: UnixTime(milliseconds: 0), expiresAt: end,
        authenticatedAt: UnixTime(milliseconds: 0))
    }
    edge.identity.know(account, .admitted(session("nightly")))
    let request = get(cookie: nil, "Authorization: Bearer \(account)\r\n")
    #expect(try await ask(edge, request, until: "assertion.service-account:nightly").hasPrefix("HTTP/1.1 200"))
    edge.identity.know(account, .admitted(session("other")), sessionID: "service-account:nightly/x")
    #expect(try await ask(edge, request, until: "policy_denied").hasPrefix("HTTP/1.1 403"))
    #expect(try await ask(edge, get(), until: "policy_denied").hasPrefix("HTTP/1.1 403"), "no person, either")
    await edge.stop()
  }

  /// Between the answer about a token and the loop that waits for it, the account may be gone: nobody would tell of it again.
  @Test func whatIsRevokedWhileItIsVerifiedLetsNobodyIn() async throws {
    let (edge, _) = try await edge(try TestEdge.route())
    edge.identity.issue("a.revoked.token", .admitted(Self.alice), isRemembered: false)
    let refused = try await ask(
      edge, get(cookie: nil, "Authorization: Bearer a.revoked.token\r\n"), until: "X-Request-Id")
    #expect(refused.hasPrefix("HTTP/1.1 401") && refused.contains("invalid_token"))
    await edge.stop()
  }

  @Test func aSignedTokenIsVerifiedBeforeItsBodyIsRead() async throws {
    let (edge, _) = try await edge(try TestEdge.route())
    let (good, bad, foreign) = ("a.good.token", "a.bad.token", "a.foreign.token")
    edge.identity.issue(good, .admitted(Self.alice))
    edge.identity.issue(bad, .refused("It is not for this edge."))
    edge.identity.issue(foreign, .notOurs)
    let seen = try await ask(
      edge, get(cookie: nil, method: "POST", "Authorization: Bearer \(good)\r\nContent-Length: 4\r\n", body: "body"),
      until: "X-Request-Id")
    #expect(seen.hasPrefix("HTTP/1.1 200") && !seen.contains(good))
    let refused = try await ask(edge, get("/", "Authorization: Bearer \(bad)\r\n"), until: "invalid_token")
    #expect(refused.hasPrefix("HTTP/1.1 401"))
    let passed = try await ask(edge, get("/", "Authorization: Bearer \(foreign)\r\n"), until: foreign)
    #expect(passed.hasPrefix("HTTP/1.1 200"), "the cookie counts, the token is the service's")
    let own = try await ask(edge, get("/", "X-Pomerium-Authorization: \(foreign)\r\n"), until: "invalid_token")
    #expect(own.hasPrefix("HTTP/1.1 401"), "meant for the edge and good for nothing")
    await edge.stop()
  }
}
