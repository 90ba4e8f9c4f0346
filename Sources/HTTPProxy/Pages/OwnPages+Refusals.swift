import HTTPWire
import Identity
import Policy
import Routing

extension OwnPages {
  /// A refusal in the form its reader wants: a page for people, JSON for programs.
  package func refusal(_ refusal: VisitorRefusal, _ request: OwnRequest, session: Session?) -> OwnResponse {
    let text = RefusalText(refusal, host: request.host)
    var response =
      RequestAudience(request).wantsHTML
      ? refusalPage(refusal, text, request, session: session)
      : refusalObject(refusal, text, request)
    if let seconds = text.retryAfter { response.headers.add("Retry-After", String(seconds)) }
    switch refusal {
    case .methodNotAllowed: response.headers.add("Allow", "GET, HEAD, POST")
    case .badRequest, .headTooLarge, .bodyTooLarge, .requestTooLarge, .tooManyConnections, .edgeIsFull, .targetTooLong,
      .requestTimedOut, .notImplemented,
      .versionNotSupported, .misdirected, .drainingDown, .expectationFailed:
      // What follows on this connection may not be what its sender means.
      response.closesConnection = true
    default: break
    }
    return response
  }

  private func refusalObject(_ refusal: VisitorRefusal, _ text: RefusalText, _ request: OwnRequest) -> OwnResponse {
    var members: [(String, JSONText)] = [
      ("error", .string(refusal.logDetail)), ("message", .string(text.happened)),
      ("status", .integer(Int64(refusal.status))), ("request_id", .string(request.requestID)),
    ]
    if let seconds = text.retryAfter { members.append(("retry_after", .integer(Int64(seconds)))) }
    var response = OwnResponse.json(.object(members), status: refusal.status)
    mirrorOrigin(request, into: &response)
    return response
  }

  private func refusalPage(
    _ refusal: VisitorRefusal, _ text: RefusalText, _ request: OwnRequest, session: Session?
  ) -> OwnResponse {
    var parts: [HTML] = [
      "<p class=\"eyebrow bad\">Error \(refusal.status)</p>\n<h1>\(text.title)</h1>\n<p class=\"lead\">\(text.happened)</p>\n"
    ]
    if let stop = text.stop {
      parts.append("\(RequestPath(stop: stop, hasTunnel: refusal.route?.tunnel != nil).html)\n")
    }
    if !text.advice.isEmpty { parts.append("<p>\(text.advice)</p>\n") }
    var page = Page(status: refusal.status, title: text.title, content: "", requestID: request.requestID)
    if case .forbidden(let route) = refusal {
      parts.append(forbiddenPart(route, request, session: session))
      page.isSandboxed = session != nil
    } else if text.retryAfter != nil || text.stop != nil, request.method == .get {
      parts.append("<div class=\"actions\"><a class=\"button primary\" href=\"\">Try again</a></div>\n")
    }
    page.content = parts.joined()
    return page.response()
  }

  /// Who you are, another account, whom to ask.
  ///
  /// A route's origin belongs to its publisher (security rule 15). The account is named only where nothing of that origin can
  /// read it: in a page that the browser itself opens as a document, and that is sandboxed out of its origin. Everybody else
  /// finds it behind the link to the authenticate host.
  private func forbiddenPart(_ route: Route, _ request: OwnRequest, session: Session?) -> HTML {
    var rows: [HTML] = []
    if let session, isOpenedByBrowserItself(request) {
      rows.append("<div><dt>Signed in as</dt><dd>\(session.subject.displayName)</dd></div>\n")
    } else if session != nil {
      rows.append(
        "<div><dt>Signed in as</dt><dd><a href=\"\(url: authenticateURL("/.pomerium/"))\">See your account</a></dd></div>\n"
      )
    }
    rows.append("<div><dt>Page</dt><dd>\(request.host)</dd></div>\n")
    rows.append("<div><dt>Whom to ask</dt><dd>\(whomToAsk(route, mayNamePublisher: session != nil))</dd></div>\n")
    let other = authenticateURL("/.pomerium/sign_out", [("pomerium_redirect_uri", returnURL(of: request))])
    return """
      <dl>
      \(rows)</dl>
      <p>If you should have access, send the request number below to the person you ask.</p>
      <div class="actions"><a class="button primary" href="\(url: other)">Use another account</a>\
      <a class="button" href="">Try again</a></div>

      """
  }

  /// The publisher of a tunnel is a named person; the name is shown to people who are signed in.
  private func whomToAsk(_ route: Route, mayNamePublisher: Bool) -> HTML {
    let administrator = configuration.administrator ?? "whoever looks after this edge"
    guard mayNamePublisher, route.tunnel != nil else { return "\(administrator)" }
    var names: [String] = []
    for binding in registry.bindings() where binding.routeID == route.id {
      let name = binding.owner.displayName
      if !names.contains(name) { names.append(name) }
    }
    guard !names.isEmpty else { return "\(administrator)" }
    return
      "\(names.prefix(3).joined(separator: ", ")) <small>publishes this page</small><small>or \(administrator)</small>"
  }

  /// Scripts of the page's own origin cannot make such requests: neither `fetch`, nor a frame, nor the preload of a service worker.
  private func isOpenedByBrowserItself(_ request: OwnRequest) -> Bool {
    request.headers.first("sec-fetch-dest") == "document" && request.headers.first("sec-fetch-mode") == "navigate"
      && !request.headers.contains("service-worker-navigation-preload")
  }

  /// Lets pages that the route trusts read our refusals of their requests.
  func mirrorOrigin(_ request: OwnRequest, into response: inout OwnResponse) {
    guard case .route(let route) = request.place, let origin = request.headers.first("origin"),
      route.http.allowedOrigins.contains(origin)
    else { return }
    response.headers.add("Access-Control-Allow-Origin", origin)
    response.headers.add("Access-Control-Allow-Credentials", "true")
    response.headers.add("Vary", "Origin")
  }
}

extension VisitorRefusal {
  /// The route it is about, if it got that far.
  var route: Route? {
    switch self {
    case .forbidden(let route), .crossSite(let route), .noTunnel(let route), .tunnelReconnecting(let route),
      .ownerMayNotPublish(let route), .serviceRefused(let route), .serviceBroke(let route, _),
      .serviceOutOfResources(let route), .timedOut(let route):
      route
    default: nil
    }
  }
}
