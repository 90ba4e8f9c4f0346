import HTTPProxy
import HTTPWire
import Identity
import Routing
import Testing

@Suite struct RefusalTests {
  private let route = PagesEdge.route("app.localhost")

  private func ask(
    _ headers: [(String, String)], method: RequestMethod = .get, path: String = "/x", place: OwnRequest.Place? = nil
  ) -> OwnRequest {
    OwnRequest(
      method: method, host: "app.localhost", port: 8443, path: path, headers: HeaderList(headers), requestID: "r-<1>",
      place: place ?? .route(route))
  }

  private let html = ("Accept", "text/html,*/*;q=0.8")

  @Test func everyRefusalHasAPageAndAnObject() async throws {
    let edge = try await PagesEdge()
    let all: [VisitorRefusal] = [
      .badRequest("A <b>."), .forbidden(route), .crossSite(route), .unknownHost, .noSuchPath, .methodNotAllowed,
      .requestTimedOut,
      .bodyTooLarge, .targetTooLong, .expectationFailed, .misdirected, .headTooLarge, .notImplemented,
      .versionNotSupported,
      .noTunnel(route), .tunnelReconnecting(route), .ownerMayNotPublish(route), .serviceRefused(route),
      .serviceBroke(route, "It sent <nonsense>."), .serviceOutOfResources(route), .timedOut(route), .tooBusy,
      .requestTooLarge(route, limit: 10), .tooManyRequests(route, retryAfter: 7), .tooManyAtOnce(route),
      .tooManyConnections, .routeIsBusy(route, retryAfter: 2), .edgeIsFull,
      .drainingDown,
    ]
    for refusal in all {
      let page = edge.pages.refusal(refusal, ask([html]), session: nil)
      #expect(page.status == refusal.status)
      #expect(page.headers.first("content-type") == "text/html; charset=utf-8")
      #expect(page.headers.first("x-pomerium-intercepted-response") == "true")
      #expect(page.headers.first("cache-control") == "no-store")
      #expect(page.headers.first("content-security-policy")?.contains("default-src 'none'") == true)
      #expect(page.text.contains("<html lang=\"en\">") && page.text.contains("<main>") && page.text.contains("<h1>"))
      #expect(page.text.contains("r-&lt;1&gt;") && !page.text.contains("<nonsense>") && !page.text.contains("A <b>"))
      let object = edge.pages.refusal(refusal, ask([]), session: nil)
      #expect(object.status == refusal.status)
      #expect(object.headers.first("content-type") == "application/json")
      #expect(object.text.contains("\"error\":\"\(refusal.logDetail)\"") && object.text.contains("\"request_id\":"))
      #expect(object.headers.first("retry-after") == page.headers.first("retry-after"))
    }
  }

  @Test func waitingIsSuggestedWhereItHelps() async throws {
    let edge = try await PagesEdge()
    func wait(_ refusal: VisitorRefusal) -> String? {
      edge.pages.refusal(refusal, ask([html]), session: nil).headers.first("retry-after")
    }
    #expect(wait(.noTunnel(route)) == "30")
    #expect(wait(.tunnelReconnecting(route)) == "5")
    #expect(wait(.ownerMayNotPublish(route)) == nil)
    #expect(wait(.forbidden(route)) == nil)
    #expect(wait(.tooManyRequests(route, retryAfter: 7)) == "7")
  }

  @Test func aForbiddenPageNamesTheAccountOnlyWhereNoScriptOfTheHostCanReadIt() async throws {
    let edge = try await PagesEdge()
    let session = try #require(await PagesBrowser(edge).signIn())
    let opened = [html, ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")]
    let page = edge.pages.refusal(.forbidden(route), ask(opened), session: session)
    #expect(page.text.contains("alice@example.com") && page.text.contains("Use another account"))
    #expect(page.headers.first("content-security-policy")?.contains("; sandbox ") == true)
    #expect(page.headers.first("cross-origin-opener-policy") == nil, "with a sandbox, browsers would refuse the page")
    for headers in [
      [html], [html, ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "iframe")],
      opened + [("Service-Worker-Navigation-Preload", "true")], [("Accept", "*/*")],
    ] {
      #expect(!edge.pages.refusal(.forbidden(route), ask(headers), session: session).text.contains("alice"))
    }
  }

  @Test func whoeverIsNotSignedInIsAnsweredInKind() async throws {
    let edge = try await PagesEdge()
    let navigation = edge.pages.unauthenticated(ask([html]))
    #expect(navigation.status == 302)
    let form = edge.pages.unauthenticated(
      ask([html, ("Referer", "https://app.localhost:8443/form?a=1")], method: .post))
    #expect(form.status == 401)
    #expect(form.text.contains("https://app.localhost:8443/.pomerium/sign_in?pomerium_redirect_uri=%2Fform%3Fa%3D1"))
    for headers in [
      [("Accept", "*/*")], [], [html, ("X-Requested-With", "XMLHttpRequest")], [html, ("Sec-Fetch-Mode", "cors")],
      [html, ("Upgrade", "websocket")], [("Accept", "text/html;q=0, application/json")],
    ] {
      let answer = edge.pages.unauthenticated(ask(headers))
      #expect(answer.status == 401)
      #expect(answer.headers.first("www-authenticate")?.hasPrefix("Bearer") == true)
      #expect(answer.text.contains("\"sign_in_url\":\"https://app.localhost:8443/.pomerium/sign_in?"))
    }
    #expect(edge.pages.unauthenticated(ask([], path: "/robots.txt")).status == 200)
  }

  @Test func trustedOriginsMayReadTheRefusal() async throws {
    let edge = try await PagesEdge()
    var trusting = route
    trusting.http.allowedOrigins = ["https://front.example"]
    func answer(_ origin: String) -> OwnResponse {
      edge.pages.unauthenticated(ask([("Origin", origin)], place: .route(trusting)))
    }
    #expect(answer("https://front.example").headers.first("access-control-allow-origin") == "https://front.example")
    #expect(answer("https://evil.example").headers.first("access-control-allow-origin") == nil)
  }
}
