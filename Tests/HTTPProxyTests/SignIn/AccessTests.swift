import HTTPWire
import Identity
import Policy
import Routing
import Testing

@testable import HTTPProxy

/// The page with everything that acts as a person, and that nobody ends what is another's.
@Suite struct AccessTests {
  private let page = "/.pomerium/session_binding_info"

  private func post(_ browser: PagesBrowser, _ path: String, _ field: String, _ id: String) async -> OwnResponse {
    let token = await browser.get(page).field("csrf") ?? ""
    return await browser.post("/.pomerium/" + path, [("csrf", token), (field, id)])
  }

  @Test func listsEverySessionOfThePersonAndNobodyElses() async throws {
    let edge = try await PagesEdge()
    let (here, there, bob) = (PagesBrowser(edge), PagesBrowser(edge), PagesBrowser(edge))
    here.agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    there.address = "198.51.100.7"
    there.agent =
      "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 <b>"
    bob.address = "198.51.100.99"
    _ = await here.signIn()
    let other = try #require(await there.signIn())
    _ = await bob.signIn(as: "bob@example.com")
    let text = await here.get(page).text
    #expect(text.contains("Firefox on Linux <span class=\"tag\">this browser</span>"))
    #expect(text.contains("Chrome on Windows") && text.contains("198.51.100.7") && !text.contains("<b>"))
    #expect(!text.contains("198.51.100.99"))
    let object = await here.get(page, html: false)
    #expect(object.text.contains("\"this\":true") && object.text.contains(other.id))

    #expect(await bob.post("/.pomerium/session/end", [("sessionID", other.id)]).status == 403, "no token")
    #expect(await post(bob, "session/end", "sessionID", other.id).status == 403, "not his")
    #expect(await post(here, "session/end", "sessionID", "none").status == 403)
    #expect(await here.get("/.pomerium/session/end?sessionID=\(other.id)").status == 405, "a link ends nothing")
    #expect(there.session != nil)
    let ended = await post(here, "session/end", "sessionID", other.id)
    #expect(ended.status == 303 && ended.location == PagesEdge.origin + page + "?ended=session")
    #expect(there.session == nil && here.session != nil)
    #expect(await here.get(ended.location).text.contains("The session was ended"))
  }

  @Test func endingTheOwnSessionSignsOut() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    let session = try #require(await browser.signIn())
    _ = await PagesBrowser(edge).signIn()
    let answer = await post(browser, "session/end", "sessionID", session.id)
    #expect(answer.location == PagesEdge.origin + "/.pomerium/signed_out")
    #expect(browser.cookie("__Host-_pomerium", on: PagesEdge.authenticate) == nil)
  }

  @Test func endsOnesOwnConnectionsOnly() async throws {
    let edge = try await PagesEdge()
    let (alice, bob) = (PagesBrowser(edge), PagesBrowser(edge))
    let (hers, his) = (try #require(await alice.signIn()), try #require(await bob.signIn(as: "bob@example.com")))
    edge.connections.open("hers", of: hers, shells: 2)
    edge.connections.open("his", of: his)
    let text = await alice.get(page).text
    #expect(text.contains("SHA256:hers") && text.contains("<dt>Shells</dt><dd>2</dd>") && !text.contains("SHA256:his"))
    #expect(text.contains("203.0.113.5") && text.contains("OpenSSH_9.2"))
    #expect(await post(bob, "connection/end", "connectionID", "hers").status == 403)
    #expect(await post(bob, "connection/end", "connectionID", "").status == 400)
    #expect(edge.connections.ended.isEmpty)
    #expect(await post(alice, "connection/end", "connectionID", "hers").status == 303)
    #expect(edge.connections.ended == ["hers"])
    #expect(await alice.get(page + "?ended=connection").text.contains("with its tunnels and shells"))
    #expect(await alice.get(page + "?ended=%3Cscript%3E").text.contains("role=\"status\"") == false)
  }

  /// Security rule 21.
  @Test func signingOutNamesShellsToo() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    let session = try #require(await browser.signIn())
    let before = await browser.get("/.pomerium/sign_out")
    #expect(before.text.contains("No tunnel or shell is open"))
    edge.connections.open("mine", of: session, shells: 1)
    let other = PagesBrowser(edge)
    edge.connections.open("elsewhere", of: try #require(await other.signIn()), shells: 1)
    let text = await browser.get("/.pomerium/sign_out").text
    #expect(text.contains("a shell from <code>203.0.113.5</code>"))
    #expect(text.ranges(of: "a shell from").count == 1, "what another sign-in holds goes on")
  }

  @Test func theDetailsShowClaimsAndNothingOfTheProtocol() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    _ = await browser.signIn()
    let page = await browser.get("/.pomerium/")
    #expect(page.text.contains("What your identity provider says of you"))
    #expect(page.text.contains("<dt>email_verified</dt><dd>yes</dd>") && page.text.contains("staff"))
    let object = await browser.get("/.pomerium/user", html: false).text
    for hidden in ["nonce", "at_hash", "\"aud\""] {
      #expect(!page.text.contains("<dt>\(hidden)</dt>") && !object.contains(hidden))
    }
  }

  @Test(arguments: [
    (
      "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Version/18.0 Mobile Safari/604.1",
      "Safari on iPhone"
    ),
    ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
    ("curl/8.5.0", "curl/8.5.0"), ("", "A browser without a name"),
  ])
  func browsersHaveNames(_ agent: String, _ name: String) { #expect(BrowserName.text(agent) == name) }
}
