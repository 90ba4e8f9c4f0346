import Policy
import Testing

@testable import Identity

@Suite struct RefreshTests {
  /// Refreshes what is due, and waits for it.
  func refresh(_ harness: Harness) async {
    harness.clock.advance(seconds: 480)
    await refreshDue(harness)
  }

  func refreshDue(_ harness: Harness) async {
    await harness.identity.refresh(
      harness.identity.sessions.takeDueForRefresh(at: harness.clock.now, limit: 100, putOff: 60))
  }

  @Test func seesWhatChangedAtTheProvider() async throws {
    let harness = try await Harness()
    let session = try await harness.session()
    harness.provider.change { $0.person["groups"] = .list([.string("interns")]) }
    await refresh(harness)
    let now = try #require(harness.identity.session(id: session.id))
    #expect(now.subject.groups == ["interns"])
    #expect(now.version == 2)
    #expect(now.expiresAt == session.expiresAt)
    #expect(harness.changes.all == [.changed(sessionID: session.id)])
    let after = try await Harness(clock: harness.clock, store: harness.store)
    #expect(after.identity.session(id: session.id)?.subject.groups == ["interns"])
    // The rotated token is the one that is used next.
    await refresh(harness)
    await refresh(harness)
    #expect(harness.provider.state.withLock { $0.refreshCount } == 3)
    #expect(harness.changes.all.count == 1)
  }

  @Test func asksUserinfoWhereNoTokenComes() async throws {
    let harness = try await Harness()
    harness.provider.change {
      $0.idTokenOnRefresh = false
      $0.userinfo = ["sub": .string("alice-1"), "groups": .list([.string("interns")])]
    }
    let session = try await harness.session()
    #expect(session.subject.groups == ["staff", "web"])
    await refresh(harness)
    let subject = try #require(harness.identity.session(id: session.id)).subject
    #expect(subject.groups == ["interns"])
    #expect(subject.email == "alice@example.test")
    #expect(subject.emailIsTrusted)
  }

  /// Auth0 bounds what a person may ask of userinfo, GitLab names all groups that somebody founds: what it said last must not
  /// last because of that.
  @Test(arguments: [429, 403, 404, 200]) func userinfoThatRefusesOnePersonServesTenMinutes(_ status: Int) async throws {
    let harness = try await Harness()
    harness.provider.change {
      $0.person["groups"] = nil
      $0.userinfo = ["sub": .string("alice-1"), "groups": .list([.string("staff")])]
    }
    let session = try await harness.session()
    harness.provider.change {
      if status == 200 {
        $0.userinfo?["groups"] = .list((0..<100_000).map { .string("own/\($0)") })
      } else if status == 403 {
        $0.userinfoHeaders = [("WWW-Authenticate", "Bearer error=\"insufficient_scope\"")]
      }
      $0.userinfoStatus = status
    }
    await refresh(harness)
    #expect(harness.identity.session(id: session.id)?.subject.groups == ["staff"])
    harness.clock.advance(seconds: 120)
    await refreshDue(harness)
    #expect(harness.identity.session(id: session.id) == nil)
  }

  /// Entra asks for a second factor, or for consent: nobody answers that in the background.
  @Test(arguments: ["interaction_required", "consent_required", "something_else"])
  func whoIsAskedForSomethingIsOutInTime(_ error: String) async throws {
    let harness = try await Harness()
    let session = try await harness.session()
    harness.provider.change {
      $0.tokenStatus = 400
      $0.tokenBody = Array("{\"error\":\"\(error)\"}".utf8)
    }
    await refresh(harness)
    #expect(harness.identity.session(id: session.id) != nil)
    harness.clock.advance(seconds: 120)
    await refreshDue(harness)
    #expect(harness.identity.session(id: session.id) == nil)
  }

  /// Some providers name the token that they refuse.
  @Test func noTokenIsToldByARefusal() {
    let body = Array(
      #"{"error":"invalid_grant","error_description":"Invalid refresh token: s3cret-t0ken of edge with pass-w0rd"}"#
        .utf8)
    let error = #expect(throws: IdentityError.self) {
      try TokenAnswer(
        FetchResponse(status: 400, body: body), url: "https://idp.example/token",
        secrets: ["s3cret-t0ken", "pass-w0rd", ""])
    }
    #expect(error?.diagnostics.contains("Invalid refresh token: ") == true)
    #expect(error?.description.contains("s3cret") == false && error?.description.contains("w0rd") == false)
  }

  /// What is wrong with the client, or with the provider, is nobody's fault.
  @Test(arguments: ["invalid_client", "unsupported_grant_type", "temporarily_unavailable", ""])
  func whatIsWrongForEverybodyEndsNothing(_ error: String) async throws {
    let harness = try await Harness()
    let session = try await harness.session()
    harness.provider.change {
      $0.tokenStatus = 400
      $0.tokenBody = Array((error.isEmpty ? "<html>" : "{\"error\":\"\(error)\"}").utf8)
    }
    for _ in 0..<4 { await refresh(harness) }
    #expect(harness.identity.session(id: session.id) != nil)
  }

  /// Where the token says everything itself, userinfo is not missed; nor where the provider is down.
  @Test(arguments: [429, 503, 500]) func othersGoOnWithoutUserinfo(_ status: Int) async throws {
    let harness = try await Harness()
    harness.provider.change {
      $0.userinfo = ["sub": .string("alice-1"), "groups": .list([.string("staff")])]
      if status >= 500 { $0.person["groups"] = nil }
    }
    let session = try await harness.session()
    harness.provider.change {
      $0.userinfoStatus = status
      $0.person["name"] = nil
      if status < 500 { $0.userinfo = nil }
    }
    for _ in 0..<3 { await refresh(harness) }
    #expect(harness.identity.session(id: session.id) != nil)
  }

  /// Some providers leave the claim out of userinfo when a person has no group any more; then they have none here either.
  @Test func losesTheLastGroupWhereNoTokenComes() async throws {
    let harness = try await Harness()
    harness.provider.change {
      $0.idTokenOnRefresh = false
      $0.userinfo = ["sub": .string("alice-1"), "groups": .list([.string("staff")])]
    }
    let session = try await harness.session()
    harness.provider.change { $0.userinfo = ["sub": .string("alice-1"), "email": .string("alice@example.test")] }
    await refresh(harness)
    #expect(harness.identity.session(id: session.id)?.subject.groups == [])
    // After a restart nothing is known of the provider: that is no reason to keep them.
    let other = try await Harness()
    other.provider.change { $0.idTokenOnRefresh = false }
    let kept = try await other.session()
    other.provider.change { $0.userinfo = ["sub": .string("alice-1")] }
    let after = try await Harness(clock: other.clock, store: other.store, provider: other.provider)
    other.clock.advance(seconds: 100)
    await refresh(after)
    #expect(after.identity.session(id: kept.id)?.subject.groups == [])
  }

  /// Somebody without groups has nothing to say of where the groups of others are named.
  @Test func losesTheLastGroupThoughAnotherNeverHadOne() async throws {
    let harness = try await Harness()
    harness.provider.change {
      $0.idTokenOnRefresh = false
      $0.person["groups"] = nil
      $0.person["name"] = nil
      $0.userinfo = ["sub": .string("alice-1"), "groups": .list([.string("staff")])]
    }
    let alice = try await harness.session("alice")
    #expect(alice.subject.groups == ["staff"])
    harness.provider.change {
      $0.person["groups"] = .list([])
      $0.userinfo = ["sub": .string("bob-1")]
    }
    let bob = try await harness.session("bob")
    // The two have one grant at this provider, which is good once.
    await harness.identity.signOut(sessionID: bob.id)
    harness.provider.change { $0.userinfo = ["sub": .string("alice-1")] }
    await refresh(harness)
    #expect(harness.identity.session(id: alice.id)?.subject.groups == [])
  }

  /// A provider that names groups in ID tokens only: what userinfo never said is not taken back by it.
  @Test func keepsGroupsThatOnlyTheTokenNames() async throws {
    let harness = try await Harness()
    harness.provider.change {
      $0.idTokenOnRefresh = false
      $0.userinfo = ["sub": .string("alice-1"), "email": .string("alice@example.test")]
    }
    let session = try await harness.session()
    await refresh(harness)
    #expect(harness.identity.session(id: session.id)?.subject.groups == ["staff", "web"])
  }

  @Test func endsTheSessionWhenTheGrantIsWithdrawn() async throws {
    let harness = try await Harness()
    let session = try await harness.session()
    harness.provider.change { $0.refreshCount = 99 }
    await refresh(harness)
    #expect(harness.identity.session(id: session.id) == nil)
    #expect(harness.changes.all == [.ended(sessionID: session.id)])
  }

  /// As Glewlwyd says it: 400, and not a word.
  @Test func endsTheSessionWhenTheRefusalHasNoName() async throws {
    let harness = try await Harness()
    let session = try await harness.session()
    harness.provider.change {
      $0.tokenStatus = 400
      $0.tokenBody = Array("<html>400 The plain HTTP request was sent to HTTPS port</html>".utf8)
    }
    await refresh(harness)
    #expect(harness.identity.session(id: session.id) != nil)
    harness.provider.change { $0.tokenBody = [] }
    await refresh(harness)
    #expect(harness.identity.session(id: session.id) == nil)
  }

  @Test func keepsTheSessionWhileTheProviderIsIll() async throws {
    let harness = try await Harness()
    let session = try await harness.session()
    harness.provider.change { $0.tokenStatus = 500 }
    await refresh(harness)
    harness.provider.change { $0.failure = .timedOut }
    await refresh(harness)
    #expect(harness.identity.session(id: session.id) != nil)
    #expect(harness.changes.all.isEmpty)
  }

  /// Where few are signed in, nobody else may be due in the two minutes in which that must show.
  @Test func aProviderThatRefusesEverybodyIsKnownByAskingAboutAnother() async throws {
    let harness = try await Harness()
    let alice = try await harness.session("alice")
    harness.clock.advance(seconds: 450)
    let bob = try await harness.session("bob")
    harness.provider.change { $0.tokenStatus = 429 }
    harness.clock.advance(seconds: 30)
    let before = harness.provider.requests(to: "/token").count
    for _ in 0..<4 { await refreshDue(harness) }
    // Each is asked about once: the second refusal says enough.
    #expect(harness.provider.requests(to: "/token").count == before + 2)
    harness.clock.advance(seconds: 120)
    await refreshDue(harness)
    #expect(harness.identity.session(id: alice.id) != nil && harness.identity.session(id: bob.id) != nil)
    harness.clock.advance(seconds: 3000)
    await refreshDue(harness)
    #expect(harness.identity.session(id: alice.id) == nil)
  }

  @Test(arguments: ["sub", "iss", "aud", "azp"]) func endsTheSessionWhenTheTokenIsAboutAnother(_ claim: String)
    async throws
  {
    let harness = try await Harness()
    let session = try await harness.session()
    harness.provider.change { $0.alter = { $0.claims[claim] = .string("other") } }
    await refresh(harness)
    #expect(harness.identity.session(id: session.id) == nil)
  }

  @Test func startsFromTheSweep() async throws {
    let harness = try await Harness()
    _ = try await harness.session()
    await harness.identity.sweep()
    #expect(harness.provider.requests(to: "/token").count == 1)
    harness.clock.advance(seconds: 480)
    let (told, teller) = AsyncStream.makeStream(of: SessionChange.self)
    harness.identity.onChange { teller.yield($0) }
    harness.provider.change { $0.person["groups"] = nil }
    await harness.identity.sweep()
    await harness.identity.sweep()
    for await change in told {
      guard case .changed = change else { continue }
      break
    }
    #expect(harness.provider.requests(to: "/token").count == 2)
  }
}
