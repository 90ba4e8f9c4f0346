import HTTPWire
import Identity
import NIOCore
import Policy
import Routing
import Testing

@testable import HTTPProxy

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
      .bodyTooLarge, .targetTooLong, .expectationFailed, .misdirected, .certificate(route, .required),
      .certificate(route, .invalid), .headTooLarge, .notImplemented,
      .versionNotSupported,
      .noTunnel(route), .tunnelReconnecting(route), .ownerMayNotPublish(route), .serviceRefused(route),
      .serviceBroke(route, "It sent <nonsense>."), .serviceOutOfResources(route), .timedOut(route), .tooBusy,
      .requestTooLarge(route, limit: 10), .tooManyRequests(route, retryAfter: 7), .tooManyAtOnce(route),
      .tooManyConnections, .routeIsBusy(route, retryAfter: 2), .edgeIsFull,
      .storeLost, .drainingDown,
    ]
    for refusal in all {
      let page = edge.pages.refusal(refusal, ask([html]), session: nil)
      #expect(page.status == refusal.status)
      #expect(page.headers.first("content-type") == "text/html; charset=utf-8")
      #expect(page.headers.first("x-pomerium-intercepted-response") == "true")
      #expect(page.headers.first("cache-control") == "no-store" && page.headers.first("content-language") == "en")
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

  private func explained(_ subject: Subject?) throws -> VisitorRefusal {
    let node = PolicyNode(
      .list([.init("allow", .init(.object([.init("or", .init(.list([criterion])))])))].map { .init(.object([$0])) }))
    let policy = try AccessPolicy(parsing: node)
    return .forbidden(route, policy.explain(AccessRequest(subject: subject, now: UnixTime(seconds: 1))))
  }
  private let criterion = PolicyNode(.object([.init("email", .init(.string("<bob>@example.com")))]))

  @Test func theRulesAreToldAndValuesOnlyWhereNoScriptOfTheHostCanReadThem() async throws {
    let edge = try await PagesEdge()
    let session = try #require(await PagesBrowser(edge).signIn())
    let refusal = try explained(session.subject)
    let opened = [html, ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")]
    let page = edge.pages.refusal(refusal, ask(opened), session: session).text
    #expect(page.contains("No rule allows it.") && page.contains("email is &quot;&lt;bob&gt;@example.com&quot;"))
    #expect(page.contains("You came with &quot;alice@example.com&quot;"))
    let script = edge.pages.refusal(refusal, ask([html]), session: session).text
    #expect(script.contains("No rule allows it.") && !script.contains("alice"))
    let object = edge.pages.refusal(refusal, ask([]), session: session).text
    #expect(
      object.contains("\"criterion\":\"email\"") && object.contains("\"deciding\":true") && !object.contains("alice"))
    #expect(!edge.pages.refusal(refusal, ask(opened), session: nil).text.contains("No rule allows it."))
    #expect(!edge.pages.refusal(.forbidden(route), ask(opened), session: session).text.contains("No rule"))
  }

  @Test func theAdministratorsPagesStandForOurs() async throws {
    let edge = try await PagesEdge()
    var own = route
    own.http.errorPages = ErrorPages([
      "503": "<p title=\"{{ reason }}\">{{status}} {{message}} {{request_id}} {{retry_after}} {{what}} {{",
      "4xx": "<p>{{title}} at {{host}}",
    ])
    edge.pages.replace(OwnPagesConfiguration(errorPages: ErrorPages(["404": "<p>global", "5xx": "<p>never"])))
    let page = edge.pages.refusal(.noTunnel(own), ask([html]), session: nil)
    #expect(page.status == 503 && page.headers.first("retry-after") == "30")
    #expect(page.headers.first("content-security-policy")?.hasPrefix("script-src 'none'") == true)
    #expect(page.headers.first("cache-control") == "no-store")
    #expect(page.text.hasPrefix("<p title=\"no_tunnel\">503 app.localhost is published"))
    #expect(page.text.hasSuffix("r-&lt;1&gt; 30 {{what}} {{"))
    func text(_ refusal: VisitorRefusal, path: String = "/x", place: OwnRequest.Place? = nil) -> String {
      edge.pages.refusal(refusal, ask([html], path: path, place: place ?? .unknownHost), session: nil).text
    }
    #expect(text(.forbidden(own)) == "<p>You are not allowed to open this page at app.localhost")
    #expect(text(.unknownHost) == "<p>global")
    #expect(text(.timedOut(route)) == "<p>never")
    #expect(
      edge.pages.refusal(.noTunnel(own), ask([]), session: nil).headers.first("content-type") == "application/json")
    // What is the edge's alone stays so.
    #expect(text(.noSuchPath, path: "/.pomerium/x", place: .route(own)).contains("<main>"))
    #expect(text(.noSuchPath, place: .authenticateHost).contains("<main>"))
  }

  @Test func bytesThatAreNoHeadTellInWhichFormToAnswer() {
    func welcomes(_ text: String, read: Int = 0) -> Bool {
      var bytes = ByteBuffer(string: text)
      bytes.moveReaderIndex(forwardBy: read)
      return HeadGlance.welcomesHTML(bytes)
    }
    #expect(welcomes("GET / HTTP/9\r\nHost: x\r\nACCEPT: a/b, Text/HTML;q=0.9\r\n"))
    #expect(welcomes("\naccept:text/html", read: 9), "also what has been read")
    #expect(!welcomes("GET / HTTP/9\r\nAccept: */*\r\nX-Accept: text/html\r\n"))
    #expect(!welcomes("GET /accept:text/html HTTP/1.1\r\n") && !welcomes("accept:") && !welcomes(""))
  }

  @Test func sizesReadAsPeopleSayThem() {
    #expect(
      [0, 1023, 1024, 1536, 10 << 20, 3 << 30].map { ByteText.size($0) } == [
        "0 bytes", "1023 bytes", "1 KiB", "1.5 KiB", "10 MiB", "3 GiB",
      ])
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
