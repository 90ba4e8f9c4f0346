import HTTPProxy
import HTTPWire
import Identity
import Testing

/// Security rules 16 and 17: the way of a session from the authenticate host to a route host.
@Suite struct HandOverTests {
  private static let page = "https://app.localhost:8443/notes?page=2"

  /// From the visit to the callback's address.
  private func toCallback(_ browser: PagesBrowser) async throws -> String {
    let request = browser.request(.get, Self.page)
    let refused = browser.edge.pages.unauthenticated(request)
    browser.keep(refused, from: "app.localhost")
    #expect(refused.status == 302)
    #expect(refused.location.hasPrefix(PagesEdge.origin + "/.pomerium/sign_in?"))
    let toProvider = await browser.get(refused.location)
    if browser.session != nil { return toProvider.location }
    #expect(toProvider.location.hasPrefix(PagesProvider.issuer + "/auth?"))
    let back = await browser.passProvider(toProvider, as: "alice@example.com")
    #expect(back.location.hasPrefix("https://app.localhost:8443/.pomerium/callback/?code="))
    return back.location
  }

  @Test func aVisitorComesBackSignedInToThePageAskedFor() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    let callback = await browser.get(try await toCallback(browser))
    #expect(callback.status == 302)
    #expect(callback.location == Self.page)
    #expect(callback.headers.first("referrer-policy") == "no-referrer")
    #expect(callback.headers.first("cache-control") == "no-store")
    let cookie = try #require(browser.cookie("__Host-_pomerium", on: "app.localhost"))
    #expect(edge.identity.session(cookie: cookie, host: "app.localhost")?.subject.email == "alice@example.com")
    #expect(edge.identity.session(cookie: cookie, host: "other.localhost") == nil)
    let set = try #require(callback.headers.values("set-cookie").first { $0.hasPrefix("__Host-_pomerium=") })
    for attribute in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"] { #expect(set.contains(attribute)) }
    #expect(!set.contains("Domain"))
    #expect(browser.cookieNames(on: "app.localhost") == ["__Host-_pomerium"], "the nonce has served")
  }

  @Test func aSecondHostNeedsNoSecondSignIn() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    _ = await browser.get(try await toCallback(browser))
    let refused = edge.pages.unauthenticated(browser.request(.get, "https://other.localhost:8443/"))
    browser.keep(refused, from: "other.localhost")
    let back = await browser.get(refused.location)
    #expect(back.location.hasPrefix("https://other.localhost:8443/.pomerium/callback/?code="))
    #expect(await browser.get(back.location).location == "https://other.localhost:8443/")
  }

  @Test func theCallbackWithoutTheNonceCookieGivesNothing() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    let callback = try await toCallback(browser)
    let victim = PagesBrowser(edge)
    let answer = await victim.get(callback)
    #expect(answer.status == 400)
    #expect(answer.headers.values("set-cookie").isEmpty)
    #expect(victim.cookieNames(on: "app.localhost").isEmpty)
  }

  @Test func aNonceOfAnotherAttemptGivesNothing() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    let callback = try await toCallback(browser)
    let name = try #require(browser.cookieNames(on: "app.localhost").first { $0.contains("_nonce_") })
    browser.setCookie(name, edge.identity.makeNonce(), on: "app.localhost")
    #expect(await browser.get(callback).status == 400)
  }

  @Test func aCodeWorksOnceAndOnItsHostOnly() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    let callback = try await toCallback(browser)
    let name = try #require(browser.cookieNames(on: "app.localhost").first { $0.contains("_nonce_") })
    let nonce = try #require(browser.cookie(name, on: "app.localhost"))
    // The publisher of another route, with everything but the host.
    browser.setCookie(name, nonce, on: "other.localhost")
    let elsewhere = "https://other.localhost:8443" + callback.dropFirst("https://app.localhost:8443".count)
    #expect(await browser.get(elsewhere).status == 400)

    let again = try await toCallback(browser)
    let second = try #require(browser.cookieNames(on: "app.localhost").last { $0.contains("_nonce_") })
    let secondNonce = try #require(browser.cookie(second, on: "app.localhost"))
    #expect(await browser.get(again).status == 302)
    browser.setCookie(second, secondNonce, on: "app.localhost")
    #expect(await browser.get(again).status == 400, "used up")
  }

  @Test func aCodeIsGoodForAMinute() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    let callback = try await toCallback(browser)
    edge.clock.advance(seconds: 61)
    #expect(await browser.get(callback).status == 400)
  }

  @Test func severalTabsSignInAtOnce() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    _ = await browser.signIn()
    var callbacks: [String] = []
    for path in ["/a", "/b", "/c"] {
      let refused = edge.pages.unauthenticated(browser.request(.get, "https://app.localhost:8443" + path))
      browser.keep(refused, from: "app.localhost")
      callbacks.append(await browser.get(refused.location).location)
    }
    for (callback, path) in zip(callbacks, ["/a", "/b", "/c"]) {
      #expect(await browser.get(callback).location == "https://app.localhost:8443" + path)
    }
  }

  @Test func aPageThatReloadsItselfDoesNotPileUpCookies() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    for _ in 0..<40 {
      browser.keep(edge.pages.unauthenticated(browser.request(.get, Self.page)), from: "app.localhost")
    }
    #expect(browser.cookieNames(on: "app.localhost").count <= 9)
  }

  @Test func anUnsignedOrForeignReturnAddressIsNoOpenRedirect() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    _ = await browser.signIn()
    let nonce = edge.identity.makeNonce()
    for url in ["https://evil.example/", "https://app.localhost.evil.example/"] {
      let signed = edge.identity.signInURL(returnURL: url, nonce: nonce)
      let answer = await browser.get(signed)
      #expect(answer.status == 400, "signed by mistake, and still refused: \(url)")
      #expect(answer.location.isEmpty)
    }
    let odd = await browser.get(edge.identity.signInURL(returnURL: "https://app.localhost@evil.example/", nonce: nonce))
    #expect(odd.location == PagesEdge.origin + "/.pomerium/", "such an address is not even signed")
    let good = edge.identity.signInURL(returnURL: Self.page, nonce: nonce)
    let forged = good.replacing("app.localhost", with: "evil.example")
    #expect(await browser.get(forged).status == 400)
    edge.clock.advance(seconds: 301)
    #expect(await browser.get(good).status == 400, "too old")
  }

  @Test func theRouteHostStartsOnlyTowardsItself() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    _ = await browser.signIn()
    for (wanted, expected) in [
      ("/deep/page?x=1", "/deep/page?x=1"), ("https://evil.example/x", "/"), ("//evil.example", "/"),
      ("/\\evil.example", "/"),
      ("https://other.localhost:8443/x", "/"), ("https://app.localhost:8443/y", "/y"), ("javascript:alert(1)", "/"),
    ] {
      let start = await browser.get(
        "https://app.localhost:8443/.pomerium/sign_in?pomerium_redirect_uri=" + QueryString.percentEncode(wanted))
      let back = await browser.get(start.location)
      #expect(await browser.get(back.location).location == "https://app.localhost:8443" + expected)
    }
  }

  @Test func noTokenIsTakenFromAQuery() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    let session = try #require(await browser.signIn())
    let value = try #require(edge.identity.cookieValue(for: session, host: PagesEdge.authenticate))
    let stranger = PagesBrowser(edge)
    let answer = await stranger.get("/.pomerium/?pomerium_session=\(value)&_pomerium=\(value)")
    #expect(answer.status == 302 && answer.location.hasPrefix(PagesProvider.issuer))
  }

  @Test func twoSessionCookiesAreRefused() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    _ = await browser.signIn()
    var request = browser.request(.get, "/.pomerium/")
    request.headers.add("Cookie", "__Host-_pomerium=planted")
    #expect(await edge.pages.respond(to: request).status == 400)
  }

  @Test func theProvidersAnswerCountsOnlyInTheBrowserThatAsked() async throws {
    let edge = try await PagesEdge()
    let attacker = PagesBrowser(edge)
    let start = await attacker.get("/.pomerium/")
    let state = try #require(
      QueryString.parse(String(start.location.split(separator: "?")[1])).first { $0.0 == "state" }?.1)
    let victim = PagesBrowser(edge)
    let answer = await victim.get("/oauth2/callback?code=c0de&state=\(QueryString.percentEncode(state))")
    #expect(answer.status == 400)
    #expect(victim.cookieNames(on: PagesEdge.authenticate).isEmpty)
  }
}
