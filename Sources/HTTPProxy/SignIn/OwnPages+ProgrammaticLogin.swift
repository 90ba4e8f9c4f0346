import HTTPWire
import Identity
import PlainText
import Policy
import Routing

/// Signing in for a program: it asks a route host for an address, a person opens that on the authenticate host and says yes,
/// the program gets a token for that route (security rule 20).
extension OwnPages {
  /// On a route host: the address to open. Says nothing of anybody and changes nothing.
  func startProgramLogin(_ request: OwnRequest) -> OwnResponse {
    let query = QueryString.parse(request.query ?? "")
    func only(_ name: String) -> String? {
      let values = query.filter { $0.0 == name }
      return values.count == 1 ? values.first?.1 : nil
    }
    func refused(_ why: String) -> OwnResponse { refusal(.badRequest(why), request, session: nil) }
    guard let written = only("pomerium_redirect_uri") else {
      return refused("pomerium_redirect_uri is missing, or is there twice: the address where the program waits.")
    }
    guard let target = identity.loopbackTarget(written) else {
      return refused(
        "pomerium_redirect_uri must lead to a program on the same machine: http://127.0.0.1:PORT/ or http://localhost:PORT/"
      )
    }
    var challenge: String?
    if query.contains(where: { $0.0.hasPrefix("code_challenge") }) {
      guard let written = only("code_challenge"), only("code_challenge_method") == "S256",
        ProgramLogin.isChallenge(written)
      else { return refused("code_challenge must be one of the method S256 (RFC 7636).") }
      challenge = written
    }
    guard let route = programRoute(request, path: only("path")) else {
      return refused("path names no route of this host.")
    }
    guard
      let url = identity.programLoginURL(
        target: target, host: request.host, route: route.audience, challenge: challenge)
    else { return refused("The route's address is too long for a link.") }
    return .text(url + "\n")
  }

  /// The route that the token will be for: of the path the program says it wants, or else of the front page.
  private func programRoute(_ request: OwnRequest, path: String?) -> Route? {
    guard case .route(let first) = request.place else { return nil }
    guard let path else { return first }
    guard isReturnable(path), let host = HostName(request.host),
      case .route(let route) = routes.current().route(host: host, port: request.port, path: path)
    else { return nil }
    return route
  }

  /// On the authenticate host, GET: what is asked, and by whom. Looking gives nothing out.
  func programLoginPage(_ visitor: Visitor) async -> OwnResponse {
    let request = visitor.request
    let login: ProgramLogin
    switch programLogin(visitor) {
    case .success(let read): login = read
    case .failure(let error): return failure(error, request)
    }
    guard isServed(login) else { return notServed(login, request) }
    guard let session = visitor.session else {
      return await signInFirst(visitor, thenTo: request.path + (request.query.map { "?" + $0 } ?? ""))
    }
    let now = clock()
    let token = identity.programLoginToken(login, session: session)
    var page = Page(
      title: "A program asks for access",
      content: """
        <p class="eyebrow">Sign in for a program</p>
        <h1>Let a program open \(login.host) as you?</h1>
        <p class="lead">Say yes only if you have just started it yourself. If somebody sent you this link, say no.</p>
        <dl>
        <div><dt>It opens</dt><dd><code>\(login.host)</code><small>by the route <code>\(login.route)</code>, and nothing else</small></dd></div>
        <div><dt>It waits at</dt><dd><code>\(login.target.origin)</code><small>on the computer this browser runs on</small></dd></div>
        <div><dt>As</dt><dd>\(session.subject.displayName)</dd></div>
        <div><dt>Until</dt><dd>\(PageTime.element(session.expiresAt, now: now))<small>or until you revoke it or sign out</small></dd></div>
        </dl>
        <form method="post" action="\(url: Self.formAction(request))">
        <input type="hidden" name="csrf" value="\(url: token)">
        <div class="actions">
        <button class="grow" type="submit" name="confirm" value="false">Deny</button>
        <button class="grow primary" type="submit" name="confirm" value="true">Allow</button>
        </div>
        </form>

        """, requestID: request.requestID, hasForm: true)
    page.formTargets = [login.target.origin.contains("[") ? "http:" : login.target.origin]
    return page.response()
  }

  /// POST: yes or no, once. The browser then goes to the program.
  func answerProgramLogin(_ visitor: Visitor) async -> OwnResponse {
    let request = visitor.request
    let form: OwnForm
    switch ownForm(request) {
    case .success(let read): form = read
    case .failure(let problem): return formFailure(problem, request)
    }
    let login: ProgramLogin
    switch programLogin(visitor) {
    case .success(let read): login = read
    case .failure(let error): return failure(error, request)
    }
    guard isServed(login) else { return notServed(login, request) }
    guard let session = visitor.session else { return signInNeeded(request, at: authenticateURL("/.pomerium/")) }
    let csrf = form["csrf"] ?? ""
    do throws(IdentityError) {
      switch form["confirm"] {
      case "true":
        let url = try await identity.approve(
          login, csrf: csrf, session: session, browserAddress: request.remoteAddress)
        return .redirect(url, status: 303)
      case "false":
        return .redirect(try identity.deny(login, csrf: csrf, session: session), status: 303)
      default:
        return refusal(.badRequest("The form says neither yes nor no."), request, session: nil)
      }
    } catch {
      return failure(error, request)
    }
  }

  func programLogin(_ visitor: Visitor) -> Result<ProgramLogin, IdentityError> {
    do throws(IdentityError) { return .success(try identity.programLogin(query: visitor.query)) } catch {
      return .failure(error)
    }
  }

  /// Signed by us, but the route may be gone since.
  private func isServed(_ login: ProgramLogin) -> Bool {
    guard let host = HostName(login.host) else { return false }
    let table = routes.current()
    return table.servesHost(host)
      && table.routes.contains { $0.origin.scheme.isWeb && $0.origin.host.matches(host) && $0.audience == login.route }
  }

  private func notServed(_ login: ProgramLogin, _ request: OwnRequest) -> OwnResponse {
    message(
      request, status: 400, error: "unknown_route", title: "Signing in did not work",
      text: "What the program wants to open, \(login.host), is not served here any more.")
  }

  private static func formAction(_ request: OwnRequest) -> String {
    Identity.programLoginPath + (request.query.map { "?" + $0 } ?? "")
  }
}
