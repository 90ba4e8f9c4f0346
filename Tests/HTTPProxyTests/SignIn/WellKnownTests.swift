import HTTPProxy
import HTTPWire
import Identity
import Testing

@Suite struct WellKnownTests {
  @Test func keysAreServedOnEveryHost() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    for host in [PagesEdge.origin, "https://app.localhost:8443"] {
      let keys = await browser.get(host + "/.well-known/pomerium/jwks.json")
      #expect(keys.status == 200 && keys.text == edge.identity.jwks)
      #expect(keys.headers.first("access-control-allow-origin") == "*")
      #expect(keys.headers.first("cache-control") == "max-age=60")
      let tag = try #require(keys.headers.first("etag"))
      let again = await browser.get(
        host + "/.well-known/pomerium/jwks.json", headers: [("If-None-Match", "W/\"x\", \(tag)")])
      #expect(again.status == 304 && again.body.isEmpty)
    }
  }

  @Test func theDirectoryNamesItsHost() async throws {
    let edge = try await PagesEdge()
    let directory = await PagesBrowser(edge).get("https://app.localhost:8443/.well-known/pomerium")
    #expect(directory.text.contains("\"jwks_uri\":\"https://app.localhost:8443/.well-known/pomerium/jwks.json\""))
    #expect(directory.text.contains("\"authentication_callback_endpoint\":\"\(PagesEdge.origin)/oauth2/callback\""))
  }

  @Test func theAuthenticateHostTellsItsHealthAndKeys() async throws {
    let edge = try await PagesEdge()
    let browser = PagesBrowser(edge)
    #expect(await browser.get("/ping").status == 200)
    #expect(await browser.get("/healthz").status == 200)
    #expect(await browser.get("/readyz").status == 200)
    edge.pages.replace(OwnPagesConfiguration(isReady: { false }))
    #expect(await browser.get("/readyz").status == 503)
    #expect(await browser.get("/robots.txt").text.contains("Disallow: /"))
    #expect(await browser.get("/nothing").status == 404)
    #expect(await browser.get("/").location == PagesEdge.origin + "/.pomerium/")
  }

  @Test func hostKeysAreForKnownHosts() async throws {
    let edge = try await PagesEdge()
    let answer = await PagesBrowser(edge).get("/.well-known/pomerium/ssh_known_hosts")
    #expect(answer.text == "[auth.localhost]:2222 ssh-ed25519 AAAA\n")
  }
}
