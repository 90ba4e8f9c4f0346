import HTTPProxy
import HTTPWire
import Identity
import Testing

/// Signing out at the provider, and what the provider tells of those who did.
@Suite struct LogoutTests {
  private let frontChannel = "/.pomerium/frontchannel_logout"

  private func query(_ pairs: [(String, String)]) -> String { "?" + QueryString.encode(pairs) }

  @Test(arguments: ["/.pomerium/frontchannel_logout", "/.pomerium/sign_out"])
  func aFrameOfTheProviderEndsTheSessionItNames(path: String) async throws {
    let edge = try await PagesEdge()
    edge.provider.sessionAtProvider("0123456789abcdef01234567")
    let (browser, other) = (PagesBrowser(edge), PagesBrowser(edge))
    _ = await browser.signIn()
    edge.provider.sessionAtProvider("another-session-there-0000")
    _ = await other.signIn()
    let frame = PagesBrowser(edge)
    let named = query([("iss", PagesProvider.issuer), ("sid", "0123456789abcdef01234567")])
    let answer = await frame.get(path + named)
    #expect(answer.status == 200 && answer.body.isEmpty)
    #expect(answer.headers.first("cache-control") == "no-store")
    #expect(!answer.headers.contains("x-frame-options"), "it is loaded in a frame")
    #expect(browser.session == nil, "the session that was named")
    #expect(other.session != nil, "and no other")
    #expect(await frame.get(path + named).status == 200, "again, and nothing is there")
  }

  /// Whoever makes a browser load this proves nothing: without the provider's own name of the session nothing ends.
  @Test func nothingElseEndsByIt() async throws {
    let edge = try await PagesEdge()
    edge.provider.sessionAtProvider("0123456789abcdef01234567")
    let browser = PagesBrowser(edge)
    _ = await browser.signIn()
    let (iss, sid) = (("iss", PagesProvider.issuer), ("sid", "0123456789abcdef01234567"))
    for (pairs, status) in [
      ([iss], 400), ([sid], 400), ([], 400), ([iss, sid, sid], 400), ([iss, iss, sid], 400),
      ([iss, ("sid", "")], 400), ([iss, ("sid", "1234")], 400),
      ([iss, ("sid", String(repeating: "a", count: 2000))], 400),
      ([iss, ("sid", "0123456789ABCDEF01234567")], 200), ([("iss", PagesProvider.issuer + "/"), sid], 200),
      ([("iss", "https://evil.example"), sid], 200),
    ] as [([(String, String)], Int)] {
      // Also in the person's own browser, cookie and all.
      #expect(await browser.get(frontChannel + query(pairs)).status == status, "\(pairs)")
      #expect(browser.session != nil)
    }
    #expect(await browser.post(frontChannel, [iss, sid]).status == 405)
    #expect(browser.session != nil)
  }

  @Test func aCountedSessionIsNotEndedByItsNumber() async throws {
    let edge = try await PagesEdge()
    edge.provider.sessionAtProvider("17")
    let browser = PagesBrowser(edge)
    _ = await browser.signIn()
    #expect(await browser.get(frontChannel + query([("iss", PagesProvider.issuer), ("sid", "17")])).status == 400)
    #expect(browser.session != nil)
  }

  @Test(arguments: ["browser", "everything"])
  func theProviderIsToldWhoseSessionIsOver(scope: String) async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    _ = await browser.signIn()
    let token = await browser.get("/.pomerium/sign_out").field("csrf") ?? ""
    let out = await browser.post("/.pomerium/sign_out", [("csrf", token), ("scope", scope)])
    let page = await browser.get(out.location)
    #expect(page.text.contains("href=\"/.pomerium/provider_sign_out\""))
    // No token is in a page or in an address of ours.
    #expect(!page.text.contains("eyJ") && !out.location.contains("eyJ"))
    let other = PagesBrowser(edge)
    #expect(!(await other.get("/.pomerium/provider_sign_out")).location.contains("id_token_hint"), "another browser")
    let leaving = await browser.get("/.pomerium/provider_sign_out").location
    #expect(leaving.hasPrefix(PagesProvider.issuer + "/logout?client_id=pomerium&id_token_hint=eyJ"))
    let back = QueryString.percentEncode(PagesEdge.origin + "/.pomerium/signed_out")
    #expect(leaving.hasSuffix("post_logout_redirect_uri=" + back))
    #expect(!(await browser.get("/.pomerium/provider_sign_out")).location.contains("id_token_hint"), "once")
  }

  @Test func whoIsSignedInSignsOutHereFirst() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    _ = await browser.signIn()
    #expect(await browser.get("/.pomerium/provider_sign_out").location == PagesEdge.origin + "/.pomerium/sign_out")
    #expect(browser.session != nil)
  }
}
