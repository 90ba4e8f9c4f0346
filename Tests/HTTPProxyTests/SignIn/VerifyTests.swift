import HTTPProxy
import HTTPWire
import Identity
import Testing

/// Security rules 8 to 10: nobody approves an ssh key by accident, by a link, or for somebody else.
@Suite struct VerifyTests {
  private func begin(_ edge: PagesEdge, from source: String = "127.0.0.1", key: String = "SHA256:alice") throws
    -> SSHSignIn
  {
    try edge.identity.beginSSHSignIn(
      SSHSignInRequest(
        keyFingerprint: key, keyType: "ssh-ed25519", scope: .edge, sourceAddress: source,
        clientVersion: "SSH-2.0-OpenSSH_9.2p1 <script>", username: "al&ice",
        hostKeyFingerprints: ["ED25519 SHA256:edge"]))
  }

  private func path(_ signIn: SSHSignIn) -> String { "/.pomerium/sign_in?user_code=\(signIn.code)" }

  private func binding(_ edge: PagesEdge) -> KeyBinding? {
    edge.identity.keyBinding(fingerprint: "SHA256:alice", scope: .edge)
  }

  @Test func somebodySignsInAndAuthorizes() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    let waiting = try begin(edge)
    let toProvider = await browser.get(path(waiting))
    #expect(toProvider.location.hasPrefix(PagesProvider.issuer))
    let back = await browser.passProvider(toProvider, as: "alice@example.com")
    #expect(back.location == PagesEdge.origin + path(waiting))
    let page = await browser.get(back.location)
    #expect(page.status == 200)
    for shown in [
      "alice@example.com", "SHA256:alice", "ssh-ed25519", "first seen", "SSH-2.0-OpenSSH_9.2p1 &lt;script&gt;",
      "al&amp;ice",
      "127.0.0.1", "SHA256:edge", "Deny", "Authorize", "data-seconds=\"900\"",
    ] {
      #expect(page.text.contains(shown), "the page shows \(shown)")
    }
    #expect(!page.text.contains("somewhere else than this browser"))
    #expect(binding(edge) == nil)
    let done = await browser.post(path(waiting), [("csrf", page.field("csrf") ?? ""), ("confirm", "true")])
    #expect(done.status == 200)
    #expect(done.text.contains("Go back to your terminal"))
    #expect(binding(edge)?.userName == "alice@example.com")
  }

  @Test func lookingApprovesNothing() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    let waiting = try begin(edge)
    _ = await browser.signIn()
    for suffix in ["", "&confirm=true", "&confirm=true&csrf=x"] {
      #expect(await browser.get(path(waiting) + suffix).status == 200)
    }
    var head = browser.request(.head, path(waiting) + "&confirm=true")
    _ = await browser.send(head)
    head.method = .put
    #expect(await browser.send(head).status == 405)
    #expect(binding(edge) == nil)
  }

  @Test func theFormNeedsTheTokenOfThisSessionAndCode() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    let waiting = try begin(edge)
    let other = try begin(edge, key: "SHA256:other")
    _ = await browser.signIn()
    let page = await browser.get(path(waiting))
    let token = try #require(page.field("csrf"))
    let otherToken = try #require(await browser.get(path(other)).field("csrf"))
    let stranger = PagesBrowser(edge)
    _ = await stranger.signIn(as: "mallory@example.com")
    let strangersToken = try #require(await stranger.get(path(waiting)).field("csrf"))
    for wrong in ["", "x", otherToken, strangersToken] {
      #expect(await browser.post(path(waiting), [("csrf", wrong), ("confirm", "true")]).status == 403)
    }
    #expect(await browser.post(path(waiting), [("confirm", "true")]).status == 403)
    #expect(await browser.post(path(waiting), [("csrf", token), ("csrf", token), ("confirm", "true")]).status == 403)
    #expect(binding(edge) == nil)
  }

  @Test(
    arguments: [nil, "https://app.localhost:8443", "https://auth.localhost", "null", "http://auth.localhost:8443"]
      as [String?])
  func theFormMustComeFromItsOwnHost(origin: String?) async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    let waiting = try begin(edge)
    _ = await browser.signIn()
    let token = try #require(await browser.get(path(waiting)).field("csrf"))
    let answer = await browser.post(path(waiting), [("csrf", token), ("confirm", "true")], origin: origin)
    #expect(answer.status == 403)
    let crossSite = await browser.post(
      path(waiting), [("csrf", token), ("confirm", "true")], headers: [("sec-fetch-site", "same-site")])
    #expect(crossSite.status == 403)
    #expect(binding(edge) == nil)
  }

  @Test func onlyTheBrowserThatOpenedThePageApproves() async throws {
    let edge = try await PagesEdge()
    let attacker = PagesBrowser(edge)
    let waiting = try begin(edge)
    _ = await attacker.signIn(as: "mallory@example.com")
    _ = await attacker.get(path(waiting))
    let victim = PagesBrowser(edge)
    _ = await victim.signIn()
    let page = await victim.get(path(waiting))
    #expect(page.text.contains("opened in another browser first"))
    #expect(!page.text.contains(">Authorize<"))
    let token = page.field("csrf") ?? ""
    let answer = await victim.post(path(waiting), [("csrf", token), ("confirm", "true")])
    #expect(answer.status == 403 || answer.status == 400)
    #expect(binding(edge) == nil)
    // Anybody signed in who holds the code may deny it.
    #expect(await victim.post(path(waiting), [("csrf", token), ("confirm", "false")]).status == 200)
  }

  @Test func aDecisionIsTakenOnce() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    let waiting = try begin(edge)
    _ = await browser.signIn()
    let token = try #require(await browser.get(path(waiting)).field("csrf"))
    #expect(await browser.post(path(waiting), [("csrf", token), ("confirm", "true")]).status == 200)
    #expect(
      await browser.post(path(waiting), [("csrf", token), ("confirm", "false")]).status == 409, "deny after approve")
    #expect(await browser.post(path(waiting), [("csrf", token), ("confirm", "true")]).status == 409)
    #expect(await browser.get(path(waiting)).status == 409)
    #expect(binding(edge) != nil)
  }

  @Test func anotherScopeNeedsItsOwnApproval() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    let waiting = try begin(edge)
    _ = await browser.signIn()
    let token = try #require(await browser.get(path(waiting)).field("csrf"))
    _ = await browser.post(path(waiting), [("csrf", token), ("confirm", "true")])
    #expect(binding(edge) != nil)
    #expect(edge.identity.keyBinding(fingerprint: "SHA256:alice", scope: .hosts) == nil)
    let hosts = try edge.identity.beginSSHSignIn(
      SSHSignInRequest(
        keyFingerprint: "SHA256:alice", keyType: "ssh-ed25519", scope: .hosts, sourceAddress: "127.0.0.1",
        clientVersion: "SSH-2.0-x", username: "root"))
    #expect(hosts.code != waiting.code)
    let page = await browser.get(path(hosts))
    #expect(page.text.contains("Log in to hosts behind the edge") && page.text.contains("Known since"))
    #expect(
      await browser.post(path(hosts), [("csrf", token), ("confirm", "true")]).status == 403, "the other code's token")
  }

  @Test func denyingBindsNothing() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    let waiting = try begin(edge)
    _ = await browser.signIn()
    let token = try #require(await browser.get(path(waiting)).field("csrf"))
    let denied = await browser.post(
      path(waiting), [("csrf", token), ("confirm", "false"), ("create_id_binding", "on"), ("remember", "session")])
    #expect(denied.status == 200 && denied.text.contains("refused"))
    #expect(edge.identity.bindings(of: try #require(browser.session)).isEmpty)
    #expect(
      await browser.post(path(waiting), [("csrf", token), ("confirm", "true")]).status == 409, "approve after deny")
    #expect(binding(edge) == nil)
  }

  /// A fault of the reference: once a key is remembered, looking at its next link approves it, and nobody can say no.
  @Test func aRememberedKeyIsAskedForOnceMoreAndCanBeDenied() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    _ = await browser.signIn()
    let waiting = try begin(edge)
    let token = try #require(await browser.get(path(waiting)).field("csrf"))
    _ = await browser.post(path(waiting), [("csrf", token), ("confirm", "true"), ("remember", "session")])
    #expect(binding(edge)?.isRemembered == true)
    // The same key wants more than it was given.
    let hosts = try edge.identity.beginSSHSignIn(
      SSHSignInRequest(
        keyFingerprint: "SHA256:alice", keyType: "ssh-ed25519", scope: .hosts, sourceAddress: "127.0.0.1",
        clientVersion: "SSH-2.0-x", username: "root"))
    let page = await browser.get(path(hosts))
    #expect(page.text.contains(">Deny<") && edge.identity.keyBinding(fingerprint: "SHA256:alice", scope: .hosts) == nil)
    let denied = await browser.post(
      path(hosts), [("csrf", page.field("csrf") ?? ""), ("confirm", "false"), ("remember", "session")])
    #expect(denied.status == 200)
    #expect(await hosts.outcome() == .denied)
    #expect(edge.identity.keyBinding(fingerprint: "SHA256:alice", scope: .hosts) == nil)
    #expect(binding(edge) != nil, "what was allowed before stays")
  }

  @Test func aKeyIsRememberedOnlyWhereThePersonSaysSo() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    _ = await browser.signIn()
    for (key, fields, isRemembered) in [
      ("SHA256:a", [("remember", "once")], false), ("SHA256:b", [("remember", "session")], true),
      ("SHA256:c", [], true), ("SHA256:d", [("remember", "for ever")], false),
      ("SHA256:e", [("remember", "session"), ("remember", "once")], false),
    ] as [(String, [(String, String)], Bool)] {
      let waiting = try begin(edge, key: key)
      let page = await browser.get(path(waiting))
      #expect(page.text.contains("Remember this key?") && page.text.contains("when your"))
      let done = await browser.post(
        path(waiting), [("csrf", page.field("csrf") ?? ""), ("confirm", "true")] + fields)
      #expect(done.status == 200 && done.text.contains("not remembered") == !isRemembered)
      #expect(edge.identity.keyBinding(fingerprint: key, scope: .edge)?.isRemembered == isRemembered)
    }
  }

  /// Whether ssh has gone, or could not ask: one answer, whatever was quicker.
  @Test func aLinkWhoseDigitsNeverCameSaysWhatHappened() async throws {
    let edge = try await PagesEdge(check: .terminal)
    let browser = PagesBrowser(edge)
    _ = await browser.signIn()
    for way in ["hung up before", "hung up after", "wrong"] {
      let waiting = try begin(edge, key: "SHA256:\(way)")
      let token = try #require(await browser.get(path(waiting)).field("csrf"))
      let fields = [("csrf", token), ("confirm", "true")]
      if way == "hung up before" {
        waiting.hangUp()
        #expect(await browser.post(path(waiting), fields).status == 400, "nobody waited any more")
        continue
      }
      let page = await browser.post(path(waiting), fields)
      #expect(page.status == 200 && page.text.contains("class=\"digits\""))
      let again = await browser.post(path(waiting), fields)
      #expect(again.status == 200 && again.text.contains("class=\"digits\""), "pressed twice")
      if way == "wrong" {
        for _ in 0..<3 { _ = await waiting.confirm(digits: "x") }
      } else {
        waiting.hangUp()
      }
      for answer in [await browser.get(path(waiting)), await browser.post(path(waiting), fields)] {
        #expect(answer.status == 409 && answer.text.contains("The digits were not typed"), "\(way)")
        #expect(answer.text.contains("Nothing was allowed") && answer.text.contains("start the ssh command again"))
      }
      let object = await browser.get(path(waiting), html: false)
      #expect(object.status == 409 && object.text.contains("\"error\":\"not_confirmed\""))
    }
  }

  @Test func deadCodesSaySoWithoutASignIn() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    let unknown = await browser.get("/.pomerium/sign_in?user_code=AAAAAAAAAAAAAAAAAAAAAA")
    #expect(unknown.status == 400 && unknown.text.contains("start the ssh command again"))
    let object = await browser.get("/.pomerium/sign_in?user_code=AAAAAAAAAAAAAAAAAAAAAA", html: false)
    #expect(object.text.contains("\"request_id\":\"request-1\"") && object.text.contains("\"status\":400"))
    let waiting = try begin(edge)
    edge.clock.advance(seconds: 901)
    #expect(await browser.get(path(waiting)).status == 400)
    let twice = await browser.get("/.pomerium/sign_in?user_code=a&user_code=b")
    #expect(twice.status == 400)
  }

  @Test func anotherAddressIsWarnedAboutLoudly() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    browser.address = "198.51.100.7"
    let waiting = try begin(edge, from: "203.0.113.77")
    _ = await browser.signIn()
    let page = await browser.get(path(waiting))
    #expect(page.text.contains("role=\"alert\""))
    #expect(page.text.contains("somewhere else than this browser"))
    #expect(page.text.contains("203.0.113.77") && page.text.contains("198.51.100.7"))
  }

  @Test func aNewKeyFromAnotherAddressNeedsTheDigits() async throws {
    let edge = try await PagesEdge(check: .auto)
    let browser = PagesBrowser(edge)
    browser.address = "198.51.100.7"
    let waiting = try begin(edge, from: "203.0.113.77")
    _ = await browser.signIn()
    let token = try #require(await browser.get(path(waiting)).field("csrf"))
    let answer = await browser.post(path(waiting), [("csrf", token), ("confirm", "true")])
    #expect(answer.status == 200 && answer.text.contains("Type these digits"))
    #expect(binding(edge) == nil)
    #expect(await browser.get(path(waiting)).text.contains("Type these digits"), "also after a reload")
    let other = PagesBrowser(edge)
    _ = await other.signIn(as: "mallory@example.com")
    #expect(!(await other.get(path(waiting))).text.contains("class=\"digits\""))
  }

  @Test func thePageCannotBeFramedOrScripted() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    let waiting = try begin(edge)
    _ = await browser.signIn()
    let page = await browser.get(path(waiting))
    let policy = page.headers.first("content-security-policy") ?? ""
    #expect(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"))
    #expect(policy.contains("form-action 'self'") && policy.contains("script-src 'sha256-"))
    #expect(!policy.contains("unsafe-inline"))
    #expect(page.headers.first("x-frame-options") == "DENY")
    #expect(page.headers.first("referrer-policy") == "same-origin", "a form without a referrer has no Origin either")
  }
}
