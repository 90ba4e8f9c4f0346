import HTTPProxy
import HTTPWire
import Identity
import Testing

/// Security rules 15 and 21, and whose keys one may revoke.
@Suite struct AccountTests {
  private func bind(_ edge: PagesEdge, _ browser: PagesBrowser, key: String) async throws {
    let waiting = try edge.identity.beginSSHSignIn(
      SSHSignInRequest(
        keyFingerprint: key, keyType: "ssh-ed25519", scope: .edge, sourceAddress: "127.0.0.1",
        clientVersion: "SSH-2.0-x",
        username: "u"))
    let path = "/.pomerium/sign_in?user_code=\(waiting.code)"
    let token = try #require(await browser.get(path).field("csrf"))
    #expect(await browser.post(path, [("csrf", token), ("confirm", "true")]).status == 200)
  }

  private let info = "/.pomerium/session_binding_info"
  private let revoke = "/.pomerium/session_binding/revoke"

  @Test func somebodyRevokesAKeyOfTheirOwn() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    _ = await browser.signIn()
    try await bind(edge, browser, key: "SHA256:mine")
    let page = await browser.get(info)
    #expect(page.text.contains("SHA256:mine"))
    let fields = [("csrf", page.field("csrf") ?? ""), ("sessionBindingID", page.field("sessionBindingID") ?? "")]
    #expect(await browser.get(revoke + "?" + QueryString.encode(fields)).status == 405, "a link revokes nothing")
    #expect(await browser.post(revoke, [fields[1]]).status == 403)
    #expect(await browser.post(revoke, fields, origin: "https://app.localhost:8443").status == 403)
    #expect(edge.identity.keyBinding(fingerprint: "SHA256:mine", scope: .edge) != nil)
    #expect(await browser.post(revoke, fields).status == 303)
    #expect(edge.identity.keyBinding(fingerprint: "SHA256:mine", scope: .edge) == nil)
  }

  @Test func anotherAddressShowsOnTheKeysPage() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    _ = await browser.signIn()
    try await bind(edge, browser, key: "SHA256:mine")
    _ = edge.identity.logIn(
      SSHSignInRequest(
        keyFingerprint: "SHA256:mine", keyType: "ssh-ed25519", scope: .edge, sourceAddress: "203.0.113.9",
        clientVersion: "SSH-2.0-x", username: "u"))
    let page = await browser.get(info)
    #expect(page.text.contains("Also used from") && page.text.contains("203.0.113.9"))
  }

  @Test func nobodyRevokesAKeyOfAnother() async throws {
    let edge = try await PagesEdge()
    let alice = PagesBrowser(edge)
    _ = await alice.signIn()
    try await bind(edge, alice, key: "SHA256:alice")
    let id = try #require(await alice.get(info).field("sessionBindingID"))
    let mallory = PagesBrowser(edge)
    _ = await mallory.signIn(as: "mallory@example.com")
    try await bind(edge, mallory, key: "SHA256:mallory")
    let page = await mallory.get(info)
    #expect(!page.text.contains("SHA256:alice"))
    let answer = await mallory.post(revoke, [("csrf", page.field("csrf") ?? ""), ("sessionBindingID", id)])
    #expect(answer.status == 403)
    let unknown = await mallory.post(
      revoke, [("csrf", page.field("csrf") ?? ""), ("sessionBindingID", "edge-SHA256:none")])
    #expect(unknown.status == answer.status, "unknown and foreign look the same")
    #expect(edge.identity.keyBinding(fingerprint: "SHA256:alice", scope: .edge) != nil)
  }

  @Test func signingOutIsAForm() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    let session = try #require(await browser.signIn())
    try await bind(edge, browser, key: "SHA256:mine")
    let page = await browser.get("/.pomerium/sign_out")
    #expect(page.status == 200)
    #expect(page.text.contains("This browser only") && page.text.contains("SHA256:mine"))
    #expect(edge.identity.session(id: session.id) != nil, "looking signs nobody out")
    let token = page.field("csrf") ?? ""
    #expect(await browser.post("/.pomerium/sign_out", [("scope", "everything")]).status == 403)
    #expect(
      await browser.post("/.pomerium/sign_out", [("csrf", token), ("scope", "everything")], origin: nil).status == 403)
    #expect(edge.identity.session(id: session.id) != nil)
    let done = await browser.post("/.pomerium/sign_out", [("csrf", token), ("scope", "everything")])
    #expect(done.status == 303 && done.location == PagesEdge.origin + "/.pomerium/signed_out")
    #expect(edge.identity.session(id: session.id) == nil)
    #expect(edge.identity.keyBinding(fingerprint: "SHA256:mine", scope: .edge) == nil)
    #expect(browser.cookie("__Host-_pomerium", on: PagesEdge.authenticate) == nil)
  }

  /// A route with a client of its own has a session of its own, which ends with the others.
  @Test func signingOutTellsOfTheSignInsOfRoutesClients() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    let session = try #require(await browser.signIn())
    let begun = await browser.get(await browser.get("https://client.localhost:8443/.pomerium/sign_in").location)
    #expect(begun.location.hasPrefix(PagesProvider.issuer), "\(begun.location)")
    _ = await browser.passProvider(begun, as: "bob@example.com")
    let cookie = try #require(
      browser.cookieNames(on: PagesEdge.authenticate).first { $0.hasPrefix("__Host-_pomerium_client_") })
    let value = try #require(browser.cookie(cookie, on: PagesEdge.authenticate))
    let other = try #require(edge.identity.session(cookie: value, host: PagesEdge.authenticate))

    let page = await browser.get("/.pomerium/sign_out")
    #expect(page.text.contains("the sign-in to client.localhost as <strong>bob"))
    let json = await browser.get("/.pomerium/sign_out", html: false).text
    #expect(json.contains(#""hosts":["client.localhost"]"#), "\(json)")
    _ = await browser.post("/.pomerium/sign_out", [("csrf", page.field("csrf") ?? ""), ("scope", "everything")])
    #expect(edge.identity.session(id: session.id) == nil && edge.identity.session(id: other.id) == nil)
  }

  @Test func thisBrowserOnlyLeavesTheKeys() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    _ = await browser.signIn()
    try await bind(edge, browser, key: "SHA256:mine")
    let stolen = try #require(browser.cookie("__Host-_pomerium", on: PagesEdge.authenticate))
    let token = await browser.get("/.pomerium/sign_out").field("csrf") ?? ""
    _ = await browser.post("/.pomerium/sign_out", [("csrf", token), ("scope", "browser")])
    #expect(edge.identity.keyBinding(fingerprint: "SHA256:mine", scope: .edge) != nil)
    #expect(edge.identity.session(cookie: stolen, host: PagesEdge.authenticate) == nil)
  }

  @Test func theWayBackAfterSigningOutLeadsToServedHostsOnly() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    for url in [
      "https://evil.example/", "javascript:alert(1)", "//evil.example/", "https://app.localhost:8443@evil.example/",
    ] {
      let page = await browser.get("/.pomerium/signed_out?pomerium_redirect_uri=" + QueryString.percentEncode(url))
      #expect(page.status == 200 && !page.text.contains("evil") && !page.text.contains("javascript"))
    }
    let good = await browser.get(
      "/.pomerium/signed_out?pomerium_redirect_uri=" + QueryString.percentEncode("https://app.localhost:8443/x"))
    #expect(good.text.contains("href=\"https://app.localhost:8443/.pomerium/sign_in?pomerium_redirect_uri=%2Fx\""))
  }

  @Test func routeHostsShowNoSessionAndChangeNone() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    _ = await browser.signIn()
    let route = "https://app.localhost:8443"
    #expect(await browser.get(route + info).location == PagesEdge.origin + info)
    #expect(await browser.get(route + "/.pomerium/").location == PagesEdge.origin + "/.pomerium/")
    #expect(
      await browser.get(route + "/.pomerium/sign_out").location.hasPrefix(PagesEdge.origin + "/.pomerium/sign_out?"))
    for path in [
      "/.pomerium/user", "/.pomerium/signed_out", "/.pomerium/jwt", "/.pomerium/provider_sign_out",
      "/.pomerium/frontchannel_logout",
      "/.pomerium/nothing",
      "/oauth2/callback", "/.well-known/pomerium/ssh_known_hosts",
    ] {
      #expect(await browser.get(route + path).status == 404)
    }
    for path in [
      "/.pomerium/sign_out", "/.pomerium/session_binding/revoke", "/.pomerium/sign_in", "/.pomerium/callback/",
    ] {
      let status = await browser.post(route + path, [("scope", "everything")], origin: route).status
      #expect(status == 404 || status == 405)
    }
    #expect(browser.session != nil)
  }

  @Test func theAccountPageShowsNoToken() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    let session = try #require(await browser.signIn())
    let page = await browser.get("/.pomerium/")
    #expect(page.text.contains("alice@example.com") && page.text.contains("staff"))
    let cookie = try #require(browser.cookie("__Host-_pomerium", on: PagesEdge.authenticate))
    #expect(!page.text.contains(cookie) && !page.text.contains("eyJ"))
    let object = await browser.get("/.pomerium/user", html: false)
    #expect(object.headers.first("content-type") == "application/json")
    #expect(object.text.contains("\"session_id\":\"\(session.id)\""))
    #expect(await PagesBrowser(edge).get("/.pomerium/user", html: false).status == 401)
    for path in [info, "/.pomerium/sign_out"] {
      #expect(await browser.get(path, html: false).headers.first("content-type") == "application/json")
    }
  }
}
