import HTTPWire
import Identity
import PlainText
import Policy
import Routing

extension OwnPages {
  /// A refusal in the form its reader wants: a page for people, JSON for programs.
  package func refusal(_ refusal: VisitorRefusal, _ asked: OwnRequest, session: Session?) -> OwnResponse {
    var request = asked
    // Refused before it was sent on: only the refusal knows the route.
    if let route = refusal.route { request.place = .route(route) }
    let text = RefusalText(refusal, host: request.host)
    var response: OwnResponse
    if GRPCAnswer.isWanted(by: request.headers) {
      let detail = text.detail.map { " \($0)" } ?? ""
      response = GRPCAnswer.response(status: refusal.status, message: text.happened + detail)
    } else if refusal.isForPrograms || !RequestAudience(request).wantsHTML {
      response = refusalObject(refusal, text, request)
    } else if let page = errorPage(refusal, request) {
      response = page.response(refusal, text, request, now: clock())
    } else {
      response = refusalPage(refusal, text, request, session: session)
    }
    if let seconds = text.retryAfter { response.headers.add("Retry-After", String(seconds)) }
    switch refusal {
    case .methodNotAllowed: response.headers.add("Allow", "GET, HEAD, POST")
    case .invalidToken(_, let why):
      response.headers.add("WWW-Authenticate", Self.tokenChallenge(realm: request.host, why))
    case .badRequest, .headTooLarge, .bodyTooLarge, .requestTooLarge, .tooManyConnections, .edgeIsFull, .targetTooLong,
      .requestTimedOut, .notImplemented,
      .versionNotSupported, .misdirected, .storeLost, .drainingDown, .expectationFailed, .certificate:
      // What follows on this connection may not be what its sender means.
      response.closesConnection = true
    default: break
    }
    return response
  }

  /// The administrator's own page for this refusal. Never for what is ours alone: the authenticate host, and our paths.
  private func errorPage(_ refusal: VisitorRefusal, _ request: OwnRequest) -> ErrorPage? {
    guard !PathShape.isOwn(request.path) else { return nil }
    switch request.place {
    case .authenticateHost: return nil
    case .route(let route):
      if let page = route.http.errorPages.page(for: refusal.status) { return page }
    case .unknownHost: break
    }
    return configuration.errorPages.page(for: refusal.status)
  }

  /// RFC 6750 section 3; neither a quotation mark nor a backslash may stand in its texts.
  static func tokenChallenge(realm: String, _ why: String) -> String {
    let text = String(decoding: why.utf8.filter { $0 >= 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C }, as: UTF8.self)
    return "Bearer realm=\"\(realm)\", error=\"invalid_token\", error_description=\"\(text)\""
  }

  private func refusalObject(_ refusal: VisitorRefusal, _ text: RefusalText, _ request: OwnRequest) -> OwnResponse {
    var members: [(String, JSONText)] = [
      ("error", .string(refusal.logDetail)), ("message", .string(text.happened)),
    ]
    if let detail = text.detail, !detail.isEmpty { members.append(("detail", .string(detail))) }
    members.append(("status", .integer(Int64(refusal.status))))
    members.append(("request_id", .string(request.requestID)))
    if let seconds = text.retryAfter { members.append(("retry_after", .integer(Int64(seconds)))) }
    if case .forbidden(_, let explanation?) = refusal { members.append(("explanation", explanation.object)) }
    var response = OwnResponse.json(.object(members), status: refusal.status)
    mirrorOrigin(request, into: &response)
    return response
  }

  private func refusalPage(
    _ refusal: VisitorRefusal, _ text: RefusalText, _ request: OwnRequest, session: Session?
  ) -> OwnResponse {
    var page = Page(status: refusal.status, title: text.title, content: "", requestID: request.requestID, time: clock())
    var parts: [HTML] = [
      "<p class=\"eyebrow bad\">Error \(refusal.status)</p>\n<h1>\(text.title)</h1>\n<p class=\"lead\">\(text.happened)</p>\n"
    ]
    if let stop = text.stop {
      parts.append("\(RequestPath(stop: stop, hasTunnel: refusal.route?.tunnel != nil).html)\n")
    }
    if !text.advice.isEmpty { parts.append("<p>\(text.advice)</p>\n") }
    if let detail = text.detail, !detail.isEmpty {
      parts.append("<p class=\"small\">In detail: \(detail.hasSuffix(".") ? String(detail.dropLast()) : detail).</p>\n")
    }
    if case .forbidden(let route, let explanation) = refusal {
      parts.append(forbiddenPart(route, explanation, request, session: session))
      page.isSandboxed = session != nil
    } else {
      let isWorthTrying = (text.retryAfter != nil || text.stop != nil) && request.method.isSafe
      if isWorthTrying {
        parts.append("<div class=\"actions\"><a class=\"button primary\" href=\"\">Try again</a></div>\n")
      } else if case .noSuchPath = refusal, request.path != "/" {
        parts.append(wayBack(request))
      }
      if let helper = helper(text, refusal.route, session: session) {
        let soFar: HTML = isWorthTrying ? "If it stays like this, ask" : "If you need help, ask"
        parts.append("<p class=\"small after\">\(soFar) \(helper), and name the request number below.</p>\n")
      }
    }
    page.content = parts.joined()
    return page.response()
  }

  /// Where there is something, for whoever came to a path where there is nothing.
  private func wayBack(_ request: OwnRequest) -> HTML {
    let link: HTML =
      if case .authenticateHost = request.place {
        "<a class=\"button primary\" href=\"/.pomerium/\">Your account</a>"
      } else {
        "<a class=\"button primary\" href=\"/\">Open \(request.host)</a>"
      }
    return "<div class=\"actions\">\(link)</div>\n"
  }

  private func helper(_ text: RefusalText, _ route: Route?, session: Session?) -> HTML? {
    switch text.helper {
    case .nobody: nil
    case .administrator: "\(administrator)"
    case .publisher: "\(route.flatMap { session == nil ? nil : publishers(of: $0) } ?? "whoever publishes it")"
    }
  }

  var administrator: String { configuration.administrator ?? "whoever looks after this edge" }

  /// The people whose tunnels serve a route; the name of a person is shown to people who are signed in.
  func publishers(of route: Route) -> String? {
    guard route.tunnel != nil else { return nil }
    var names: [String] = []
    for binding in registry.bindings() where binding.routeID == route.id {
      let name = binding.owner.displayName
      if !names.contains(name) { names.append(name) }
    }
    return names.isEmpty ? nil : names.prefix(3).joined(separator: ", ")
  }

  /// Lets pages that the route trusts read our refusals of their requests.
  func mirrorOrigin(_ request: OwnRequest, into response: inout OwnResponse) {
    guard case .route(let route) = request.place, let origin = request.headers.first("origin"),
      route.http.allowedOrigins.contains(origin)
    else { return }
    response.headers.add("Access-Control-Allow-Origin", origin)
    response.headers.add("Access-Control-Allow-Credentials", "true")
    response.headers.add("Access-Control-Expose-Headers", "Retry-After, WWW-Authenticate, X-Request-Id")
    response.headers.add("Vary", "Origin")
  }
}

extension VisitorRefusal {
  /// No person meets it: browsers show no tokens by themselves.
  var isForPrograms: Bool {
    if case .invalidToken = self { return true }
    return false
  }

  /// The route it is about, if it got that far.
  var route: Route? {
    switch self {
    case .invalidToken(let route, _), .forbidden(let route, _), .crossSite(let route), .certificate(let route, _),
      .noTunnel(let route),
      .tunnelReconnecting(let route),
      .ownerMayNotPublish(let route), .serviceRefused(let route), .serviceBroke(let route, _),
      .serviceUnhealthy(let route), .serviceOutOfResources(let route), .timedOut(let route),
      .requestTooLarge(let route, _), .tooManyRequests(let route, _), .tooManyAtOnce(let route),
      .routeIsBusy(let route, _):
      route
    case .badRequest, .unknownHost, .noSuchPath, .methodNotAllowed, .requestTimedOut, .bodyTooLarge, .targetTooLong,
      .expectationFailed, .misdirected, .tooManyConnections, .headTooLarge, .notImplemented, .versionNotSupported,
      .tooBusy, .edgeIsFull, .storeLost, .drainingDown:
      nil
    }
  }
}
