import HTTPProxy
import HTTPWire
import Identity
import Testing

/// `depends_on`: one sign-in sets the cookies of several hosts, and sends nobody anywhere else.
@Suite struct JourneyTests {
  private static let page = "https://suite.localhost:8443/start?page=2"
  private static let cookie = "__Host-_pomerium"

  /// Where a visit leads that is not signed in.
  private func begin(_ browser: PagesBrowser, _ page: String = Self.page) -> String {
    let host = page.contains("//suite.") ? "suite.localhost" : "other.localhost"
    let refused = browser.edge.pages.unauthenticated(browser.request(.get, page))
    browser.keep(refused, from: host)
    return refused.location
  }

  /// Follows redirects until a page that is none of ours, or no redirect; every address on the way.
  private func follow(_ browser: PagesBrowser, _ start: String) async -> [String] {
    var way = [start]
    while let last = way.last, way.count < 30, last.contains("/.pomerium/") {
      let answer = await browser.get(last)
      guard answer.status == 302 else { break }
      if answer.location.hasPrefix(PagesProvider.issuer) {
        way.append(await browser.passProvider(answer, as: "alice@example.com").location)
      } else {
        way.append(answer.location)
      }
    }
    return way
  }

  private func hosts(_ way: [String]) -> [String] {
    way.compactMap { $0.split(separator: "/").dropFirst().first?.split(separator: ":").first.map(String.init) }
  }

  @Test func `one sign-in visits the hosts that the route depends on and comes back`() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    let way = await follow(browser, begin(browser))
    #expect(way.last == Self.page, "\(way)")
    #expect(
      hosts(way) == [
        "auth.localhost", "suite.localhost", "other.localhost", "auth.localhost", "other.localhost",
        "third.localhost", "auth.localhost", "third.localhost", "suite.localhost",
      ], "\(way)")
    for host in ["suite.localhost", "other.localhost", "third.localhost"] {
      let value = try #require(browser.cookie(Self.cookie, on: host))
      #expect(edge.identity.session(cookie: value, host: host)?.subject.email == "alice@example.com")
      #expect(browser.cookieNames(on: host) == [Self.cookie], "nonces have served")
    }
    #expect(browser.cookieNames(on: "gone.localhost").isEmpty)
  }

  @Test func `hosts that know the session already are passed`() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    _ = await follow(browser, begin(browser, "https://other.localhost:8443/"))
    let way = await follow(browser, begin(browser))
    #expect(way.last == Self.page)
    #expect(hosts(way).count { $0 == "other.localhost" } == 1, "\(way)")
    #expect(browser.cookie(Self.cookie, on: "third.localhost") != nil)
  }

  @Test func `what is signed cannot be changed`() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    let first = begin(browser)
    for (name, value) in [
      ("pomerium_additional_hosts", "https://evil.example"), ("pomerium_final_uri", "https://evil.example/"),
      ("pomerium_session", "x"),
    ] {
      let encoded = QueryString.percentEncode(value)
      #expect(await browser.get(first + "&\(name)=\(encoded)").status == 400, "\(name)")
    }
    let without = first.split(separator: "&").filter { !$0.contains("pomerium_additional_hosts") }
    #expect(without.count < first.split(separator: "&").count)
    #expect(await browser.get(without.joined(separator: "&")).status == 400)
  }

  /// The way up to the code that leads to the second host.
  private func toSecondHost(_ browser: PagesBrowser) async throws -> String {
    var next = begin(browser)
    for _ in 0..<6 where !next.contains("onward=") {
      let answer = await browser.get(next)
      next =
        answer.location.hasPrefix(PagesProvider.issuer)
        ? await browser.passProvider(answer, as: "alice@example.com").location : answer.location
    }
    #expect(next.hasPrefix("https://other.localhost:8443/.pomerium/sign_in?onward="))
    return next
  }

  @Test func `a code works once, on its host, for a minute`() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    let front = "https://other.localhost:8443/"
    let second = try await toSecondHost(browser)
    #expect(await browser.get(second).location.hasPrefix(PagesEdge.origin))
    #expect(await browser.get(second).location == front)
    let other = try await toSecondHost(browser)
    let elsewhere = other.replacing("other.localhost", with: "third.localhost")
    #expect(await browser.get(elsewhere).location == "https://third.localhost:8443/")
    let late = try await toSecondHost(browser)
    edge.clock.advance(seconds: 61)
    #expect(await browser.get(late).location == front)
    #expect(await browser.get(late + "&onward=x").location == front)
  }

  @Test func `somebody else's journey leads nowhere but home`() async throws {
    let edge = try await PagesEdge()
    let attacker = PagesBrowser(edge)
    let second = try await toSecondHost(attacker)
    let victim = PagesBrowser(edge)
    _ = await victim.signIn(as: "bob@example.com")
    let way = await follow(victim, second)
    // Signed in as themselves, and not sent to the page that the attacker asked for.
    #expect(way.last == "https://other.localhost:8443/", "\(way)")
    #expect(victim.cookie(Self.cookie, on: "suite.localhost") == nil)
    let value = try #require(victim.cookie(Self.cookie, on: "other.localhost"))
    #expect(edge.identity.session(cookie: value, host: "other.localhost")?.subject.email == "bob@example.com")
  }
}
