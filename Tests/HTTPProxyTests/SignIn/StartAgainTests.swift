import HTTPProxy
import HTTPWire
import Identity
import Testing

/// Several tabs, the back button, answers that come twice or too late: the page says what to do, and leads back.
@Suite struct StartAgainTests {
  private func state(_ redirect: OwnResponse) -> String {
    let query = QueryString.parse(redirect.location.split(separator: "?", maxSplits: 1).last.map(String.init) ?? "")
    return query.first { $0.0 == "state" }?.1 ?? ""
  }

  private func callback(_ state: String) -> String {
    "/oauth2/callback?code=c0de&state=\(QueryString.percentEncode(state))"
  }

  @Test func twoTabsSignInBesideEachOther() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    let first = await browser.get("https://app.localhost:8443/.pomerium/sign_in?pomerium_redirect_uri=/one")
    let second = await browser.get("https://other.localhost:8443/.pomerium/sign_in?pomerium_redirect_uri=/two")
    let (one, two) = (await browser.get(first.location), await browser.get(second.location))
    let back = await browser.passProvider(two, as: "alice@example.com")
    #expect(back.location.hasPrefix("https://other.localhost:8443/.pomerium/callback/?code="))
    #expect(await browser.get(back.location).location == "https://other.localhost:8443/two")
    // The first tab had its login page open all the while.
    let late = await browser.passProvider(one, as: "alice@example.com")
    #expect(await browser.get(late.location).location == "https://app.localhost:8443/one")
  }

  @Test func anAnswerThatComesTwiceLeadsOn() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    let redirect = await browser.get("/.pomerium/")
    _ = await browser.passProvider(redirect, as: "alice@example.com")
    let session = try #require(browser.session)
    let again = await browser.get(callback(state(redirect)))
    #expect(again.status == 400 && again.text.contains("You are signed in already"))
    #expect(again.text.contains("href=\"/.pomerium/\""))
    #expect(browser.session == session, "nothing came of it")
    // In a browser that is not signed in it is somebody else's.
    let stranger = await PagesBrowser(edge).get(callback(state(redirect)))
    #expect(stranger.status == 400 && !stranger.text.contains("signed in already"))
  }

  @Test func anAttemptThatTookTooLongStartsAgainWhereItBegan() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    let asked = await browser.get("https://app.localhost:8443/.pomerium/sign_in?pomerium_redirect_uri=/deep?a=1")
    let redirect = await browser.get(asked.location)
    edge.clock.advance(seconds: 601)
    let late = await browser.get(callback(state(redirect)))
    #expect(late.status == 400 && late.text.contains("longer than ten minutes"))
    let address = "https://app.localhost:8443/.pomerium/sign_in?pomerium_redirect_uri=%2Fdeep%3Fa%3D1"
    #expect(late.text.contains("href=\"\(address)\"") && late.text.contains(">Start again<"))
    let again = await browser.get(address)
    let back = await browser.passProvider(await browser.get(again.location), as: "alice@example.com")
    #expect(await browser.get(back.location).location == "https://app.localhost:8443/deep?a=1")
  }

  @Test func aRefusalOfTheProviderLeadsBackToTheSSHLink() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    let waiting = try edge.identity.beginSSHSignIn(
      SSHSignInRequest(
        keyFingerprint: "SHA256:k", keyType: "ssh-ed25519", scope: .edge, sourceAddress: "127.0.0.1",
        clientVersion: "SSH-2.0-x", username: "u"))
    let redirect = await browser.get("/.pomerium/sign_in?user_code=\(waiting.code)")
    let refused = await browser.get("/oauth2/callback?error=access_denied&state=\(state(redirect))")
    #expect(refused.status == 403 && refused.text.contains("cancelled or denied"))
    #expect(refused.text.contains("href=\"/.pomerium/sign_in?user_code=\(waiting.code)\""))
  }

  @Test func anOldRequestOfARouteLeadsToServedHostsOnly() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    let asked = await browser.get("https://app.localhost:8443/.pomerium/sign_in?pomerium_redirect_uri=/x")
    edge.clock.advance(seconds: 301)
    let late = await browser.get(asked.location)
    #expect(late.status == 400)
    #expect(late.text.contains("href=\"https://app.localhost:8443/.pomerium/sign_in?pomerium_redirect_uri=%2Fx\""))
    let forged = await browser.get(
      "/.pomerium/sign_in?pomerium_redirect_uri=https://evil.example/&pomerium_signature=x")
    #expect(forged.status == 400 && !forged.text.contains("evil"))
  }
}
