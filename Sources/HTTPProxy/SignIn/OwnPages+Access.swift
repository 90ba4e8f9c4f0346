import HTTPWire
import Identity
import PlainText
import Policy
import Routing

/// Everything that acts under a person's name at this moment, each with a button that ends it: ssh connections with their
/// tunnels and shells, ssh keys, browsers, and the tokens of programs. Only one's own, whatever a form names.
extension OwnPages {
  static let accessPath = "/.pomerium/session_binding_info"

  func accessPage(_ visitor: Visitor) async -> OwnResponse {
    let request = visitor.request
    guard let session = visitor.session else { return await signInFirst(visitor, thenTo: Self.accessPath) }
    let live = await live(session)
    let keys = identity.bindings(of: session)
    let sessions = identity.sessions(of: session)
    let tokens = identity.programTokens(of: session)
    guard RequestAudience(request).wantsHTML else {
      return .json(
        .object([
          ("connections", .list(live.map(\.object))), ("keys", .list(keys.map(Self.object))),
          ("sessions", .list(sessions.map { Self.object($0, session) })),
          ("tokens", .list(tokens.map(Self.object))),
        ]))
    }
    let form = AccessForm(session: session, now: clock(), token: accessToken(session))
    return Page(
      title: "Keys and sessions",
      content: """
        <p class="eyebrow">Your account</p>
        <h1>Keys and sessions</h1>
        <p class="lead">Everything here acts as <strong>\(session.subject.displayName)</strong>. End what you do not recognise.</p>
        \(done(visitor))<h2>Connected now</h2>
        \(liveList(live, form))<h2>ssh keys</h2>
        \(keyList(keys, form))<h2>Browsers</h2>
        \(sessionList(sessions, keys, form))<h2>Programs</h2>
        \(tokenList(tokens, form))
        """, requestID: request.requestID, account: .access, hasForm: true
    ).response()
  }

  // MARK: Ending one of them

  /// What a form of this page asks for, if it is one, from its own browser session.
  func access(_ visitor: Visitor, names field: String) -> Result<(session: Session, id: String), Answered> {
    let request = visitor.request
    let form: OwnForm
    switch ownForm(request) {
    case .success(let read): form = read
    case .failure(let problem): return .failure(Answered(formFailure(problem, request)))
    }
    guard let session = visitor.session else {
      return .failure(Answered(signInNeeded(request, at: authenticateURL(Self.accessPath))))
    }
    guard let token = form["csrf"], identity.checkCSRF(token, session: session, purpose: Self.accessPurpose) else {
      return .failure(Answered(formFailure(.foreignOrigin, request)))
    }
    guard let id = form[field], !id.isEmpty else {
      return .failure(Answered(refusal(.badRequest("The form does not name what to end."), request, session: nil)))
    }
    return .success((session, id))
  }

  /// An answer that is all there is to say.
  struct Answered: Error {
    let response: OwnResponse
    init(_ response: OwnResponse) { self.response = response }
  }

  /// Back to the list, which says what was done.
  func backToAccess(_ what: EndedAccess) -> OwnResponse {
    .redirect(authenticateURL(Self.accessPath, [("ended", what.rawValue)]), status: 303)
  }

  func accessFailure(_ error: IdentityError, _ request: OwnRequest) -> OwnResponse {
    failure(error, request, more: Self.backLink)
  }

  static let backLink: HTML =
    "<div class=\"actions\"><a class=\"button primary\" href=\"\(url: accessPath)\">Keys and sessions</a></div>\n"

  private func accessToken(_ session: Session) -> String {
    identity.csrfToken(session: session, purpose: Self.accessPurpose)
  }

  private static let accessPurpose = "access"

  private func done(_ visitor: Visitor) -> HTML {
    guard let what = visitor.parameter("ended").flatMap(EndedAccess.init) else { return "" }
    return "<div class=\"note good\" role=\"status\"><p>\(what.sentence)</p></div>\n"
  }
}

/// What a form of the account ended.
enum EndedAccess: String {
  case connection, key, session, token

  var sentence: String {
    switch self {
    case .connection: "The connection was ended, with its tunnels and shells."
    case .key: "The key was revoked. Its connections have ended."
    case .session: "The session was ended, with the ssh keys and tokens that came from it."
    case .token: "The token was revoked. Its program has to ask again."
    }
  }
}

/// What the forms of one page have in common.
struct AccessForm {
  let session: Session
  let now: UnixTime
  let token: String

  /// A form with one button. `label`: what the button does, for those who do not see beside what it stands.
  func button(_ name: HTML, to path: String, field: String, value: String, label: String) -> HTML {
    """
    <form method="post" action="\(url: path)">
    <input type="hidden" name="csrf" value="\(url: token)">
    <input type="hidden" name="\(field)" value="\(url: value)">
    <button class="danger slim" type="submit" aria-label="\(label)">\(name)</button>
    </form>
    """
  }
}
