import HTTPWire
import Identity
import PlainText
import Routing

/// Our paths on a publisher's host. Nothing here shows a session, and nothing here changes one; the only thing that happens is
/// the hand-over (security rules 15 and 16).
extension OwnPages {
  func respondOnRouteHost(_ request: OwnRequest) async -> OwnResponse {
    if request.path == "/.well-known/pomerium/ssh_known_hosts" {
      return refusal(.noSuchPath, request, session: nil)
    }
    if request.method == .get || request.method == .head, let answer = wellKnown(request) { return answer }
    guard request.method == .get else {
      return refusal(Self.routePaths.contains(request.path) ? .methodNotAllowed : .noSuchPath, request, session: nil)
    }
    switch request.path {
    case "/.pomerium/callback/", "/.pomerium/callback": return receive(request)
    case Identity.programLoginPath: return startProgramLogin(request)
    case "/.pomerium", "/.pomerium/": return .redirect(authenticateURL("/.pomerium/"))
    // People look for it where they are; it is shown on the authenticate host.
    case Self.accessPath: return .redirect(authenticateURL(Self.accessPath))
    case "/.pomerium/sign_out":
      return .redirect(authenticateURL("/.pomerium/sign_out", [("pomerium_redirect_uri", origin(of: request) + "/")]))
    case "/.pomerium/sign_in":
      return journeyGoesOn(request)
        ?? startHandOver(request, returnURL: requestedReturn(request), journey: journey(from: request))
    default: return refusal(.noSuchPath, request, session: nil)
    }
  }

  private static let routePaths: Set<String> = [
    "/.pomerium", "/.pomerium/", "/.pomerium/callback", "/.pomerium/callback/", "/.pomerium/sign_in",
    "/.pomerium/sign_out", accessPath, Identity.programLoginPath,
  ]

  /// Sets a nonce here and sends the browser to the authenticate host with its hash.
  func startHandOver(_ request: OwnRequest, returnURL: String, journey: SignInJourney?) -> OwnResponse {
    let nonce = HandOverNonce(value: identity.makeNonce())
    var response = OwnResponse.redirect(
      identity.signInURL(returnURL: returnURL, nonce: nonce.value, journey: journey))
    let prefix = HandOverNonce.prefix(identity.cookieName)
    let open = RequestCookies(request.headers).pairs.map(\.0).filter { $0.hasPrefix(prefix) }
    if open.count >= HandOverNonce.mostAttempts {
      for name in Set(open) where HandOverNonce.isAttempt(String(name.dropFirst(prefix.count))) {
        response.headers.add("Set-Cookie", EdgeCookie.expire(name))
      }
    }
    response.headers.add(
      "Set-Cookie",
      EdgeCookie.set(
        HandOverNonce.cookieName(identity.cookieName, attempt: nonce.attempt), nonce.value,
        maxAge: HandOverNonce.lifetime))
    return response
  }

  /// `/.pomerium/sign_in?pomerium_redirect_uri=…` on a route host: a page of this very host, or its front page.
  private func requestedReturn(_ request: OwnRequest) -> String {
    let origin = origin(of: request)
    let wanted = QueryString.parse(request.query ?? "").first { $0.0 == "pomerium_redirect_uri" }?.1
    guard let wanted else { return origin + "/" }
    if isReturnable(wanted) { return origin + wanted }
    return target(of: wanted, at: origin).map { origin + $0 } ?? origin + "/"
  }

  /// `/.pomerium/callback/`: a code is worth a session only here, once, and only with the nonce this browser was given.
  private func receive(_ request: OwnRequest) -> OwnResponse {
    let query = QueryString.parse(request.query ?? "")
    let codes = query.filter { $0.0 == "code" }
    let attempts = query.filter { $0.0 == "attempt" }
    guard codes.count == 1, let code = codes.first?.1, !code.isEmpty, attempts.count == 1,
      let attempt = attempts.first?.1,
      HandOverNonce.isAttempt(attempt)
    else { return handOverFailed(request) }
    let name = HandOverNonce.cookieName(identity.cookieName, attempt: attempt)
    guard case .value(let nonce) = RequestCookies(request.headers)[name],
      let handOver = identity.redeem(code: code, host: request.host, nonce: nonce)
    else { return handOverFailed(request) }
    let origin = origin(of: request)
    guard let cookie = sessionCookie(handOver.session, host: request.host) else { return handOverFailed(request) }
    let own = origin + (target(of: handOver.returnURL, at: origin) ?? "/")
    var response = OwnResponse.redirect(
      handOver.journey.map { goOn($0, handOver.session, from: own) } ?? own)
    response.headers.add("Set-Cookie", cookie)
    response.headers.add("Set-Cookie", EdgeCookie.expire(name))
    return response
  }

  private func handOverFailed(_ request: OwnRequest) -> OwnResponse {
    message(
      request, status: 400, error: "hand_over_failed", title: "Signing in did not work",
      text: "This link has been used, has expired, or belongs to another browser.",
      more: """
        <p>Nothing is lost: open the page again, and you are signed in with what you have entered already.</p>
        <div class="actions"><a class="button primary" href="/">Open \(request.host)</a></div>

        """)
  }
}
