import EdgeCrypto
import HTTPProxy
import HTTPWire
import Identity
import Testing

/// Security rule 20, on the pages: what a program asks on a route host, what a person answers on the authenticate host.
@Suite struct ProgrammaticLoginTests {
  private static let host = "https://app.localhost:8443"
  private static let target = "http://127.0.0.1:4000/done"
  private static let visit = BearerVisit(host: "app.localhost", route: host, source: "127.0.0.1")

  private func start(_ browser: PagesBrowser, _ pairs: [(String, String)]) async -> OwnResponse {
    await browser.get(Self.host + "/.pomerium/api/v1/login?" + QueryString.encode(pairs), html: false)
  }

  private func link(_ browser: PagesBrowser, _ more: [(String, String)] = []) async -> String {
    let answer = await start(browser, [("pomerium_redirect_uri", Self.target)] + more)
    #expect(answer.status == 200 && answer.headers.first("content-type") == "text/plain; charset=utf-8")
    let text = answer.text.split(separator: "\n").first.map(String.init) ?? ""
    #expect(text.hasPrefix(PagesEdge.origin + "/.pomerium/api/v1/login?"))
    return text
  }

  @Test func aPersonSaysYesAndTheProgramHasAToken() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    let session = try #require(await browser.signIn())
    let link = await link(PagesBrowser(edge))
    let page = await browser.get(link)
    #expect(page.status == 200)
    for shown in ["app.localhost", Self.host, "http://127.0.0.1:4000", "alice@example.com"] {
      #expect(page.text.contains(shown), "\(shown)")
    }
    #expect(edge.identity.programTokens(of: session).isEmpty, "looking gives nothing out")
    #expect(
      page.headers.first("content-security-policy")?.contains("form-action 'self' http://127.0.0.1:4000") == true)
    let csrf = try #require(page.field("csrf"))
    let answer = await browser.post(link, [("csrf", csrf), ("confirm", "true")])
    #expect(answer.status == 303 && answer.location.hasPrefix(Self.target + "?pomerium_jwt=te_login_"))
    #expect(answer.headers.first("referrer-policy") == "no-referrer" && answer.body.isEmpty)
    let token = String(answer.location.dropFirst((Self.target + "?pomerium_jwt=").count))
    #expect(edge.identity.bearer(token, for: Self.visit) == .admitted(session))
    // Back and again: once.
    #expect(await browser.post(link, [("csrf", csrf), ("confirm", "true")]).status == 409)
    #expect(await browser.get(link).status == 409)
    #expect(edge.identity.programTokens(of: session).count == 1)
  }

  @Test func onlyTheFormOfThisPageAnswers() async throws {
    let edge = try await PagesEdge()
    let (alice, mallory) = (PagesBrowser(edge), PagesBrowser(edge))
    let session = try #require(await alice.signIn())
    _ = await mallory.signIn(as: "mallory@example.com")
    let link = await link(alice)
    let csrf = try #require(await alice.get(link).field("csrf"))
    let foreign = try #require(await mallory.get(link).field("csrf"))
    let yes = [("csrf", csrf), ("confirm", "true")]
    #expect(await alice.post(link, yes, origin: nil).status == 403)
    #expect(await alice.post(link, yes, origin: Self.host).status == 403)
    #expect(await alice.post(link, yes, origin: "http://127.0.0.1:4000").status == 403)
    #expect(await alice.post(link, yes, headers: [("sec-fetch-site", "same-site")]).status == 403)
    #expect(await alice.post(link, [("confirm", "true")]).status == 403)
    #expect(await alice.post(link, [("csrf", foreign), ("confirm", "true")]).status == 403)
    #expect(await alice.post(link, [("csrf", csrf)]).status == 400)
    #expect(await alice.get(link + "&confirm=true&csrf=" + csrf).status != 303)
    #expect(await alice.post(link + "x", yes).status == 400)
    #expect(await PagesBrowser(edge).post(link, yes).status == 401)
    #expect(edge.identity.programTokens(of: session).isEmpty)
    let denied = await alice.post(link, [("csrf", csrf), ("confirm", "false")])
    #expect(denied.status == 303 && denied.location == Self.target + "?error=access_denied")
    #expect(await alice.post(link, yes).status == 409)
    #expect(edge.identity.programTokens(of: session).isEmpty)
  }

  @Test func whoIsNotSignedInComesBackToThePage() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    let link = await link(browser)
    let redirect = await browser.get(link)
    #expect(redirect.status == 302)
    let back = await browser.passProvider(redirect, as: "alice@example.com")
    #expect(back.status == 302 && back.location == link)
    #expect(await browser.get(back.location).field("csrf") != nil)
    #expect(await PagesBrowser(edge).get(link, html: false).status == 401)
  }

  @Test(arguments: [
    "", "http://evil.example/", "http://localhost.evil/", "http://user@localhost/", "http://0127.0.0.1/",
    "http://[::ffff:127.0.0.1]:1/", "http://127.0.0.1:1/#x", "http://127.0.0.1:1/?pomerium_jwt=x", "app://localhost/",
  ])
  func tokensGoToProgramsOfThisMachineOnly(target: String) async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    let answer = await start(browser, [("pomerium_redirect_uri", target)])
    #expect(answer.status == 400 && !answer.text.contains("pomerium_signature"))
    let twice = await start(browser, [("pomerium_redirect_uri", Self.target), ("pomerium_redirect_uri", target)])
    #expect(twice.status == 400)
  }

  @Test func theRouteHostShowsAndChangesNothing() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    let url = Self.host + "/.pomerium/api/v1/login?" + QueryString.encode([("pomerium_redirect_uri", Self.target)])
    #expect(await browser.post(url, [("confirm", "true")]).status == 405)
    #expect(await browser.get(Self.host + "/.pomerium/api/v1/token").status == 404)
    #expect(await browser.get(Self.host + "/.pomerium/api/v1/logout").status == 404)
    #expect(await start(browser, [("pomerium_redirect_uri", Self.target), ("path", "//evil")]).status == 400)
    #expect(await start(browser, []).status == 400)
  }

  @Test func withAChallengeNoTokenStandsInAnAddress() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    let session = try #require(await browser.signIn())
    let verifier = Base64.encodeURL([UInt8](repeating: 5, count: 32))
    let challenge = [
      ("code_challenge", Base64.encodeURL(Digest.sha256(verifier))), ("code_challenge_method", "S256"),
    ]
    for wrong in [[challenge[0]], [challenge[1]], [("code_challenge", "short"), challenge[1]]] {
      #expect(await start(browser, [("pomerium_redirect_uri", Self.target)] + wrong).status == 400)
    }
    let link = await link(browser, challenge)
    let csrf = try #require(await browser.get(link).field("csrf"))
    let answer = await browser.post(link, [("csrf", csrf), ("confirm", "true")])
    let code = String(answer.location.dropFirst((Self.target + "?code=").count))
    #expect(!answer.location.contains("te_login_"))
    let program = PagesBrowser(edge)
    let wrong = await program.post(
      "/.pomerium/api/v1/token", [("code", code + "x"), ("code_verifier", verifier)], origin: nil)
    #expect(wrong.status == 400 && wrong.text.contains("invalid_grant"))
    let right = await program.post(
      "/.pomerium/api/v1/token", [("code", code), ("code_verifier", verifier)], origin: nil)
    #expect(right.status == 200 && right.headers.first("cache-control") == "no-store")
    let token = try #require(right.text.firstRange(of: "te_login_")).lowerBound
    let text = String(right.text[token...].prefix { $0 != "\"" })
    #expect(edge.identity.bearer(text, for: Self.visit) == .admitted(session))
    // It gives its token back, and only its own.
    #expect(await program.post("/.pomerium/api/v1/logout", [], origin: nil).status == 401)
    let shown = [("authorization", "Bearer \(text)")]
    #expect(await program.post("/.pomerium/api/v1/logout", [], origin: nil, headers: shown).status == 200)
    #expect(edge.identity.bearer(text, for: Self.visit) != .admitted(session))
    let gone = await program.post("/.pomerium/api/v1/logout", [], origin: nil, headers: shown)
    #expect(gone.status == 401 && gone.headers.first("www-authenticate")?.contains("error=\"invalid_token\"") == true)
    #expect(edge.identity.session(id: session.id) != nil)
  }
}
