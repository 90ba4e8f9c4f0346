import EdgeCrypto
import Policy
import Store
import TestSupport
import Testing

@testable import Identity

/// Signing in with GitHub, and what becomes of sessions when something changes there.
@Suite struct GitHubTests {
  struct Walk {
    let gitHub: ScriptedGitHub
    let clock = TestClock()
    let identity: Identity
    let changes = Recorder()

    init(_ gitHub: ScriptedGitHub = ScriptedGitHub(), _ change: (inout ProviderConfiguration) -> Void = { _ in })
      async throws
    {
      self.gitHub = gitHub
      var configuration = Harness.configuration()
      configuration.provider.name = "github"
      configuration.provider.issuer = "https://github.com"
      configuration.provider.scopes = ["user:email", "read:org"]
      change(&configuration.provider)
      identity = try await Identity(
        configuration, store: MemoryStore(clock: clock.source), fetcher: gitHub, clock: clock.source,
        random: SecureRandom.source, logger: quiet)
      let changes = changes
      identity.onChange { changes.add($0) }
    }

    func signIn(_ further: [(String, String)] = [("code", "code-1")]) async throws -> Session {
      let start = try await identity.beginSignIn(returnTo: .path("/"), cookies: [])
      let query = Dictionary(QueryString.parse(start.redirect.drop { $0 != "?" }.dropFirst()), uniquingKeysWith: { $1 })
      return try await identity.finishSignIn(
        query: [("state", query["state"] ?? "")] + further, cookies: [(start.cookie.name, start.cookie.value)]
      ).session
    }

    func refresh() async {
      clock.advance(seconds: 480)
      await refreshDue()
    }

    func refreshDue() async {
      await identity.refresh(identity.sessions.takeDueForRefresh(at: clock.now, limit: 100, putOff: 60))
    }
  }

  @Test func readsWhoItIs() async throws {
    let walk = try await Walk()
    let subject = try await walk.signIn().subject
    #expect(subject.issuer == "https://github.com")
    #expect(subject.userID == "583231")
    #expect(subject.email == "octocat@example.test")
    #expect(subject.emailIsTrusted)
    #expect(subject.groups == ["acme/platform", "acme/web"])
    #expect(subject.name == "OctoCat")
    #expect(subject.claims["user"] == .string("OctoCat"))
    #expect(subject.claims["preferred_username"] == .string("octocat"))

    let token = try #require(walk.gitHub.requests(to: "/login/oauth/access_token").first)
    let form = Dictionary(QueryString.parse(String(decoding: token.body, as: UTF8.self)), uniquingKeysWith: { $1 })
    #expect(form["redirect_uri"] == "https://auth.example.test/oauth2/callback")
    #expect(form["code_verifier"]?.count == 43)
    #expect(token.headers.contains { $0 == ("Accept", "application/json") })
    let user = try #require(walk.gitHub.requests(to: "/user").first)
    #expect(user.headers.contains { $0 == ("Authorization", "Bearer gho_1") })
    #expect(user.headers.contains { $0 == ("X-GitHub-Api-Version", "2022-11-28") })
  }

  @Test func sendsTheBrowserWithPKCEAndTheChoiceOfAnAccount() async throws {
    let walk = try await Walk()
    let start = try await walk.identity.beginSignIn(returnTo: .path("/"), cookies: [])
    #expect(start.redirect.hasPrefix("https://github.com/login/oauth/authorize?client_id=edge&"))
    #expect(start.redirect.contains("scope=user%3Aemail%20read%3Aorg"))
    #expect(start.redirect.contains("code_challenge_method=S256"))
    #expect(!start.redirect.contains("prompt"))
    let other = try await walk.identity.beginSignIn(returnTo: .path("/"), cookies: [], choosesAccount: true)
    #expect(other.redirect.hasSuffix("&prompt=select_account"))
  }

  @Test(arguments: [
    ("https://github.com/", "https://github.com", "https://api.github.com"),
    ("https://www.github.com", "https://github.com", "https://api.github.com"),
    ("https://octo.ghe.com", "https://octo.ghe.com", "https://api.octo.ghe.com"),
    ("https://git.example.com:8443", "https://git.example.com:8443", "https://git.example.com:8443/api/v3"),
  ]) func findsTheServers(_ url: String, _ issuer: String, _ api: String) {
    let server = GitHubServer(url: url)
    #expect(server.issuer == issuer)
    #expect(server.api == api)
  }

  /// All pages are read, with numbers of ours; no address of the answer is followed.
  @Test func readsEveryPage() async throws {
    let walk = try await Walk()
    walk.gitHub.change { $0.teams = (0..<250).map { "acme/t\($0)" } }
    let subject = try await walk.signIn().subject
    #expect(subject.groups.count == 250)
    let pages = (1...3).map { "https://api.github.com/user/teams?per_page=100&page=\($0)" }
    #expect(walk.gitHub.requests(to: "/user/teams").map(\.url) == pages)
    walk.gitHub.change { $0.teams = (0..<1001).map { "acme/t\($0)" } }
    await #expect(throws: IdentityError.self) { try await walk.signIn() }
  }

  @Test func anAddressThatIsNotVerifiedIsNotTrusted() async throws {
    let walk = try await Walk { $0.emailTrusted = true }
    walk.gitHub.change { $0.emails = [ScriptedGitHub.email("octocat@example.test", verified: false)] }
    let subject = try await walk.signIn().subject
    #expect(subject.email == "octocat@example.test")
    #expect(!subject.emailIsTrusted)
    walk.gitHub.change { $0.emails = [ScriptedGitHub.email("spare@example.test", primary: false)] }
    #expect(try await walk.signIn().subject.email == nil)
  }

  @Test func asksOnlyForWhatTheScopesAllow() async throws {
    let walk = try await Walk { $0.scopes = ["read:user"] }
    let subject = try await walk.signIn().subject
    #expect(subject.email == nil && subject.groups.isEmpty)
    #expect(walk.gitHub.requests(to: "/user/emails").isEmpty && walk.gitHub.requests(to: "/user/teams").isEmpty)
  }

  @Test func readsTheTokenFromAFormToo() async throws {
    let walk = try await Walk()
    walk.gitHub.change { $0.tokenAsForm = true }
    #expect(try await walk.signIn().subject.userID == "583231")
    await #expect(throws: IdentityError.self) { try await walk.signIn([("code", "wrong")]) }
  }

  /// Refusals come with status 200.
  @Test(arguments: [
    ("bad_verification_code", IdentityError.Kind.expired), ("incorrect_client_credentials", .providerMisbehaved),
    ("redirect_uri_mismatch", .providerMisbehaved), ("unverified_user_email", .providerRefused),
    ("something_new", .providerMisbehaved),
  ]) func toldByTheTokenEndpoint(_ name: String, _ kind: IdentityError.Kind) async throws {
    let walk = try await Walk()
    walk.gitHub.change {
      $0.answers["/login/oauth/access_token"] = ScriptedGitHub.json(
        200, .object(["error": .string(name), "error_description": .string("in words")]))
    }
    let error = await #expect(throws: IdentityError.self) { try await walk.signIn() }
    #expect(error?.kind == kind)
    #expect(error?.diagnostics.contains(name) == true)
  }

  @Test(arguments: [
    ("access_denied", IdentityError.Kind.providerRefused), ("redirect_uri_mismatch", .providerMisbehaved),
    ("application_suspended", .providerMisbehaved),
  ]) func toldByTheCallback(_ name: String, _ kind: IdentityError.Kind) async throws {
    let walk = try await Walk()
    let error = await #expect(throws: IdentityError.self) { try await walk.signIn([("error", name)]) }
    #expect(error?.kind == kind)
    #expect(walk.gitHub.requests(to: "/login/oauth/access_token").isEmpty)
  }

  @Test(arguments: [
    FetchResponse(status: 200, body: Array("oops".utf8)), FetchResponse(status: 200, body: []),
    ScriptedGitHub.json(200, .object([:])), ScriptedGitHub.json(200, .object(["access_token": .string("a b")])),
    ScriptedGitHub.json(200, .object(["access_token": .string("a"), "token_type": .string("mac")])),
    ScriptedGitHub.json(404, .object([:])), ScriptedGitHub.json(502, .object([:])),
  ]) func aTokenAnswerThatIsNone(_ answer: FetchResponse) async throws {
    let walk = try await Walk()
    walk.gitHub.change { $0.answers["/login/oauth/access_token"] = answer }
    await #expect(throws: IdentityError.self) { try await walk.signIn() }
  }

  @Test(arguments: ["/user", "/user/emails", "/user/teams"]) func anAPIAnswerThatIsNone(_ path: String) async throws {
    for body in ["oops", "{}", "[1]", "{\"id\": 1.5, \"login\": \"x\"}", "{\"id\": -1, \"login\": \"x\"}", "null"] {
      let walk = try await Walk()
      walk.gitHub.change { $0.answers[path] = FetchResponse(status: 200, body: Array(body.utf8)) }
      if path != "/user", body == "[1]" {
        let subject = try await walk.signIn().subject
        #expect(subject.userID == "583231")
      } else {
        await #expect(throws: IdentityError.self, "\(path): \(body)") { try await walk.signIn() }
      }
    }
  }

  // MARK: Asking again

  @Test func seesWhatChanged() async throws {
    let walk = try await Walk()
    let session = try await walk.signIn()
    walk.gitHub.change {
      $0.teams = ["acme/web"]
      $0.emails = [ScriptedGitHub.email("new@example.test")]
    }
    await walk.refresh()
    let subject = try #require(walk.identity.session(id: session.id)).subject
    #expect(subject.groups == ["acme/web"])
    #expect(subject.email == "new@example.test")
    #expect(walk.changes.all == [.changed(sessionID: session.id)])
  }

  @Test(arguments: [
    ScriptedGitHub.problem(401, "Bad credentials"),
    ScriptedGitHub.problem(403, "Sorry. Your account was suspended."),
  ]) func whoeverIsGoneIsOut(_ answer: FetchResponse) async throws {
    let walk = try await Walk()
    let session = try await walk.signIn()
    walk.gitHub.change { $0.answers["/user"] = answer }
    await walk.refresh()
    #expect(walk.identity.session(id: session.id) == nil)
    #expect(walk.changes.all == [.ended(sessionID: session.id)])
  }

  @Test(arguments: [
    ScriptedGitHub.problem(403, "API rate limit exceeded for user", [("x-ratelimit-remaining", "0")]),
    ScriptedGitHub.problem(403, "You have exceeded a secondary rate limit."),
    ScriptedGitHub.problem(429, "Too many requests", [("Retry-After", "30")]),
    ScriptedGitHub.problem(403, "Resource not accessible by integration"), ScriptedGitHub.problem(404, "Not Found"),
    ScriptedGitHub.problem(503, "unavailable"), FetchResponse(status: 200, body: []),
  ]) func whatIsNotThePersonsEndsNothing(_ answer: FetchResponse) async throws {
    let walk = try await Walk()
    let session = try await walk.signIn()
    walk.gitHub.change { $0.answers["/user"] = answer }
    await walk.refresh()
    #expect(walk.identity.session(id: session.id) == session)
    walk.gitHub.change {
      $0.answers = [:]
      $0.failure = .timedOut
    }
    await walk.refresh()
    #expect(walk.identity.session(id: session.id) == session)
    #expect(walk.changes.all.isEmpty)
  }

  /// Anybody can found an organization with a thousand teams and join them: that must not keep what they had before.
  @Test func teamsWithoutEndKeepNobodyIn() async throws {
    let walk = try await Walk()
    let session = try await walk.signIn()
    walk.gitHub.change { $0.teams = (0..<1001).map { "own/t\($0)" } }
    await walk.refresh()
    #expect(walk.identity.session(id: session.id) == nil)
  }

  @Test func waitsAsLongAsItIsTold() async throws {
    let walk = try await Walk()
    let session = try await walk.signIn()
    walk.gitHub.change {
      $0.answers["/user"] = ScriptedGitHub.problem(429, "Too many requests", [("retry-after", "900")])
    }
    let error = await #expect(throws: IdentityError.self) { try await walk.signIn() }
    #expect(error?.kind == .providerUnreachable)
    #expect(error?.retryAfter == 900)
    await walk.refresh()
    let due = try #require(walk.identity.sessions.entry(session.id, at: walk.clock.now)?.refresh?.dueAt)
    // But not longer than what is known of a person may serve.
    #expect(due == session.issuedAt.adding(seconds: RefusalWatch.longestAge))
    walk.gitHub.change { $0.answers["/user"] = ScriptedGitHub.problem(503, "down", [("retry-after", "900")]) }
    walk.clock.advance(seconds: 120)
    await walk.refreshDue()
    let next = try #require(walk.identity.sessions.entry(session.id, at: walk.clock.now)?.refresh?.dueAt)
    #expect(next == walk.clock.now.adding(seconds: 900))
  }

  /// Whoever uses up what they may ask of GitHub keeps nothing that was taken from them.
  @Test(arguments: [
    ScriptedGitHub.problem(
      403, "API rate limit exceeded for user", [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "99999999999")]),
    ScriptedGitHub.problem(429, "Too many requests"), ScriptedGitHub.problem(403, "Resource not accessible"),
  ]) func whoeverAsksTooOftenIsOutInTime(_ answer: FetchResponse) async throws {
    let walk = try await Walk()
    let session = try await walk.signIn()
    walk.gitHub.change { $0.answers["/user/teams"] = answer }
    await walk.refresh()
    #expect(walk.identity.session(id: session.id) == session)
    walk.clock.advance(seconds: 120)
    await walk.refreshDue()
    #expect(walk.identity.session(id: session.id) == nil)
    #expect(walk.changes.all == [.ended(sessionID: session.id)])
  }

  @Test func whoeverIsAnsweredInBetweenStays() async throws {
    let walk = try await Walk()
    let session = try await walk.signIn()
    for _ in 0..<4 {
      walk.gitHub.change { $0.answers["/user"] = ScriptedGitHub.problem(429, "Too many requests") }
      await walk.refresh()
      walk.gitHub.change { $0.answers = [:] }
      walk.clock.advance(seconds: 60)
      await walk.refreshDue()
    }
    #expect(walk.identity.session(id: session.id) == session)
  }

  struct Wait: Sendable {
    var headers: [String: String]
    var seconds: Int64
  }

  @Test(arguments: [
    Wait(headers: ["x-ratelimit-remaining": "0", "x-ratelimit-reset": "1000100"], seconds: 100),
    Wait(headers: ["x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"], seconds: 1),
    Wait(headers: ["x-ratelimit-remaining": "0", "x-ratelimit-reset": "9223372036854775807"], seconds: 3600),
    Wait(headers: ["retry-after": "-9223372036854775808"], seconds: 1),
    Wait(headers: ["retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"], seconds: 60),
    Wait(headers: ["x-ratelimit-remaining": "7", "x-ratelimit-reset": "1000100"], seconds: 60),
    Wait(headers: [:], seconds: 60),
  ]) func readsHowLong(_ wait: Wait) {
    let response = FetchResponse(status: 403, headers: wait.headers.map { ($0.key, $0.value) }, body: [])
    #expect(GitHubRefusal.wait(response, now: UnixTime(milliseconds: 1_000_000_000)) == wait.seconds)
  }

  /// GitHub keeps ten tokens of a person: the first sign-in's is taken away, the person is not.
  @Test func anotherTokenOfThePersonAnswersForThem() async throws {
    let walk = try await Walk()
    let first = try await walk.signIn()
    let second = try await walk.signIn()
    walk.gitHub.change { $0.tokens.remove("gho_1") }
    await walk.refresh()
    #expect(walk.identity.session(id: first.id) != nil)
    // It is kept: the next time asks once.
    let before = walk.gitHub.requests(to: "/user").count
    await walk.refresh()
    #expect(walk.gitHub.requests(to: "/user").count == before + 2)
    // Without any that is good both end.
    walk.gitHub.change { $0.tokens = [] }
    await walk.refresh()
    #expect(walk.identity.session(id: first.id) == nil && walk.identity.session(id: second.id) == nil)
  }

  /// Another account under the same token is another person.
  @Test func theNumberIsThePerson() async throws {
    let walk = try await Walk()
    let session = try await walk.signIn()
    walk.gitHub.change { $0.login = "renamed" }
    await walk.refresh()
    #expect(walk.identity.session(id: session.id)?.subject.claims["user"] == .string("renamed"))
    walk.gitHub.change { $0.number = 7 }
    await walk.refresh()
    #expect(walk.identity.session(id: session.id) == nil)
  }

  /// The tokens of a GitHub App expire, and are exchanged before they do.
  @Test func exchangesTokensThatExpire() async throws {
    let walk = try await Walk()
    walk.gitHub.change { $0.expires = 28_800 }
    let session = try await walk.signIn()
    await walk.refresh()
    #expect(walk.gitHub.requests(to: "/login/oauth/access_token").count == 1)
    walk.clock.advance(seconds: 28_000)
    await walk.refresh()
    #expect(walk.gitHub.requests(to: "/login/oauth/access_token").count == 2)
    await walk.refresh()
    #expect(walk.gitHub.requests(to: "/login/oauth/access_token").count == 2)
    #expect(walk.identity.session(id: session.id) != nil)
    walk.clock.advance(seconds: 19_000)
    walk.gitHub.change { $0.refreshToken = "another" }
    await walk.refresh()
    walk.clock.advance(seconds: 9_000)
    await walk.refresh()
    #expect(walk.identity.session(id: session.id) == nil)
  }
}
