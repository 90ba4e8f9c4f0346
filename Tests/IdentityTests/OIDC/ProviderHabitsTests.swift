import Policy
import Testing

@testable import Identity

/// What providers do differently, and what must be the same with all of them.
@Suite struct ProviderHabitsTests {
  private func prompt(_ harness: Harness) async throws -> String? {
    let start = try await harness.identity.beginSignIn(returnTo: .path("/"), cookies: [], choosesAccount: true)
    let query = QueryString.parse(start.redirect.drop { $0 != "?" }.dropFirst()).filter { $0.0 == "prompt" }
    #expect(query.count <= 1)
    return query.first?.1
  }

  @Test(arguments: [
    ("oidc", nil, nil, "login"), ("oidc", nil, "select_account", "select_account"),
    ("google", nil, nil, "select_account"),
    ("google", "consent select_account", nil, "consent select_account"),
    ("azure", "select_account", nil, "select_account"),
    ("oidc", "none", nil, "login"), ("okta", "consent", nil, "consent login"),
  ]) func lettingChoose(_ name: String, _ written: String?, _ listed: String?, _ expected: String) async throws {
    let harness = try await Harness {
      $0.provider.name = name
      $0.provider.requestParameters = written.map { [("prompt", $0)] } ?? []
    }
    if let listed {
      harness.provider.change { $0.discovery["prompt_values_supported"] = .list([.string("none"), .string(listed)]) }
    }
    #expect(try await prompt(harness) == expected)
    let usual = try await harness.identity.beginSignIn(returnTo: .path("/"), cookies: [])
    #expect(usual.redirect.contains("prompt=") == (written != nil))
  }

  /// GitLab names all groups in userinfo, and in the token only those one is a member of by oneself, under another name.
  @Test func gitLabsGroupsAreThoseOfUserinfo() async throws {
    let harness = try await Harness { $0.provider.name = "gitlab" }
    harness.provider.change {
      $0.person["groups"] = nil
      $0.person["groups_direct"] = .list([.string("acme/platform")])
      $0.userinfo = [
        "sub": .string("alice-1"), "groups": .list([.string("acme"), .string("acme/platform")]),
      ]
    }
    let subject = try await harness.signIn().session.subject
    #expect(subject.groups == ["acme", "acme/platform"])
    #expect(subject.claims["groups_direct"] == .list([.string("acme/platform")]))
  }

  @Test func cognitosGroupsHaveAnotherName() async throws {
    let harness = try await Harness { $0.provider.groupsClaim = "cognito:groups" }
    harness.provider.change {
      $0.person["groups"] = nil
      $0.person["cognito:groups"] = .list([.string("staff")])
    }
    #expect(try await harness.signIn().session.subject.groups == ["staff"])
  }

  private func refresh(_ harness: Harness) async {
    harness.clock.advance(seconds: 480)
    await harness.identity.refresh(
      harness.identity.sessions.takeDueForRefresh(at: harness.clock.now, limit: 100, putOff: 60))
  }

  private func withUserinfo(_ harness: Harness) {
    harness.provider.change {
      $0.person["groups"] = nil
      $0.userinfo = ["sub": .string("alice-1"), "groups": .list([.string("staff")])]
    }
  }

  /// The grant was good a moment ago; userinfo says that the account is not.
  @Test(arguments: [401, 403]) func userinfoThatRefusesEndsTheSession(_ status: Int) async throws {
    let harness = try await Harness()
    withUserinfo(harness)
    let session = try await harness.signIn().session
    harness.provider.change { $0.userinfoStatus = status }
    await refresh(harness)
    #expect(harness.identity.session(id: session.id) == nil)
    #expect(harness.changes.all == [.ended(sessionID: session.id)])
  }

  @Test(arguments: [500, 503, 404, 429]) func userinfoThatIsIllTakesNoGroupsAway(_ status: Int) async throws {
    let harness = try await Harness()
    withUserinfo(harness)
    let session = try await harness.signIn().session
    #expect(session.subject.groups == ["staff"])
    harness.provider.change { $0.userinfoStatus = status }
    await refresh(harness)
    #expect(harness.identity.session(id: session.id)?.subject.groups == ["staff"])
    #expect(harness.changes.all.isEmpty)
  }

  /// Whoever is gone is asked about at once in all browsers, not in each one's turn.
  @Test func theOtherSessionsOfWhoeverIsGoneAreAskedAboutAtOnce() async throws {
    let harness = try await Harness()
    let first = try await harness.session()
    harness.clock.advance(seconds: 240)
    let second = try await harness.session()
    let bob = try await harness.session("bob")
    harness.provider.change { $0.tokenBody = Array("{\"error\": \"invalid_grant\"}".utf8) }
    harness.provider.change { $0.tokenStatus = 400 }
    harness.clock.advance(seconds: 240)
    await harness.identity.refresh(
      harness.identity.sessions.takeDueForRefresh(at: harness.clock.now, limit: 100, putOff: 60))
    #expect(harness.identity.session(id: first.id) == nil)
    #expect(harness.identity.session(id: second.id) != nil)
    let due = harness.identity.sessions.takeDueForRefresh(at: harness.clock.now, limit: 100, putOff: 60)
    #expect(due.map(\.session.id) == [second.id])
    #expect(harness.identity.session(id: bob.id) != nil)
  }

  /// Nobody waits for a provider that has been known for long and is slow today.
  @Test func knownEndpointsServeWhileTheyAreAskedAgain() async throws {
    let harness = try await Harness()
    _ = try await harness.signIn()
    harness.clock.advance(seconds: 3600)
    harness.provider.change { $0.failure = .timedOut }
    let start = try await harness.identity.beginSignIn(returnTo: .path("/"), cookies: [])
    #expect(start.redirect.hasPrefix("https://idp.example/auth?"))
  }

  @Test func whatIsADayOldIsAskedAnew() async throws {
    let harness = try await Harness()
    _ = try await harness.signIn()
    harness.clock.advance(seconds: 86_400)
    harness.provider.change { $0.discovery["issuer"] = .string("https://other.example") }
    await #expect(throws: IdentityError.self) {
      try await harness.identity.beginSignIn(returnTo: .path("/"), cookies: [])
    }
  }

  /// RFC 9207.
  @Test(arguments: [("https://idp.example", true), ("https://other.example", false), (nil, false)])
  func theCallbackNamesTheIssuer(_ issuer: String?, _ isTaken: Bool) async throws {
    let harness = try await Harness()
    harness.provider.change { $0.discovery["authorization_response_iss_parameter_supported"] = .bool(true) }
    let start = try await harness.identity.beginSignIn(returnTo: .path("/"), cookies: [])
    let query = harness.provider.authorize(start.redirect) + (issuer.map { [("iss", $0)] } ?? [])
    let finish = try? await harness.identity.finishSignIn(
      query: query, cookies: [(start.cookie.name, start.cookie.value)])
    #expect((finish != nil) == isTaken)
  }

  /// Sixty seconds either way.
  @Test(arguments: [(55, true), (65, false), (-55, true), (-65, false)])
  func clocksMayDifferByAMinute(_ seconds: Double, _ isTaken: Bool) async throws {
    let harness = try await Harness()
    harness.provider.change { state in
      state.alter = { plan in
        guard let now = plan.claims["iat"]?.asNumber else { return }
        plan.claims["iat"] = .number(now + seconds)
        plan.claims["exp"] = .number(seconds < 0 ? now + seconds : now + 600)
      }
    }
    let session = try? await harness.signIn().session
    #expect((session != nil) == isTaken)
  }
}
