import HTTPWire
import Identity
import PlainText
import Policy
import Routing

/// Signing out: a page says what will end and offers "this browser only"; the form does it (security rule 21).
extension OwnPages {
  func signOutPage(_ visitor: Visitor) async -> OwnResponse {
    let request = visitor.request
    guard let session = visitor.session else {
      return .redirect(authenticateURL("/.pomerium/signed_out", onward(visitor)))
    }
    let tunnels = tunnels(of: session)
    let keys = identity.bindings(of: session).filter { $0.sessionID == session.id }
    let live = await live(session, ofSessionOnly: true)
    // Those of tunnels are told of by their tunnels.
    let shells = live.filter { $0.connection.shells > 0 || $0.tunnels.isEmpty }.map(\.connection)
    let others = clientSessions(request).filter { $0.id != session.id }
    let tokens = ([session] + others).flatMap { session in
      identity.programTokens(of: session).filter { $0.sessionID == session.id }
    }
    guard RequestAudience(request).wantsHTML else {
      return .json(
        .object([
          ("tunnels", .list(tunnels.map { .string($0.name.description) })),
          ("keys", .list(keys.map { .string($0.fingerprint) })),
          ("connections", .list(live.map(\.object))),
          ("tokens", .list(tokens.map { .string($0.host) })),
          (
            "other_sessions",
            .list(
              others.map { other in
                .object([
                  ("user", .string(other.subject.displayName)), ("hosts", .list(hosts(of: other).map { .string($0) })),
                ])
              })
          ), ("request_id", .string(request.requestID)),
        ]))
    }
    let token = identity.csrfToken(session: session, purpose: Self.purpose)
    let back = onward(visitor).map { name, value -> HTML in
      "<input type=\"hidden\" name=\"\(name)\" value=\"\(url: value)\">\n"
    }
    let ends: HTML =
      tunnels.isEmpty && keys.isEmpty && shells.isEmpty && tokens.isEmpty && others.isEmpty
      ? "<p>No tunnel or shell is open, and no ssh key or program is signed in with this session.</p>\n"
      : """
      <h2>Signing out everywhere ends</h2>
      <ul class="plain">\(tunnels.map { tunnelItem($0) })\(shells.map { shellItem($0) })\
      \(keys.map { keyItem($0) })\(tokens.map { tokenItem($0) })\(others.map { otherItem($0) })</ul>

      """
    return Page(
      title: "Sign out",
      content: """
        <p class="eyebrow">Sign out</p>
        <h1>Sign out of this edge?</h1>
        <p class="lead">You are signed in as <strong>\(session.subject.displayName)</strong>.</p>
        \(ends)<p><strong>This browser only</strong> signs you out of every page here and leaves your ssh connections, tunnels and \
        programs as they are.</p>
        <form method="post" action="/.pomerium/sign_out">
        <input type="hidden" name="csrf" value="\(url: token)">
        \(back)<div class="actions">
        <button class="grow" type="submit" name="scope" value="browser">This browser only</button>
        <button class="grow danger" type="submit" name="scope" value="everything">Sign out everywhere</button>
        </div>
        </form>
        <p class="small after">Your identity provider, \(session.provider), may still remember you.</p>
        """, requestID: request.requestID, account: .signOut, hasForm: true
    ).response()
  }

  func signOut(_ visitor: Visitor) async -> OwnResponse {
    let request = visitor.request
    let form: OwnForm
    switch ownForm(request) {
    case .success(let read): form = read
    case .failure(let problem): return formFailure(problem, request)
    }
    var note: String?
    if let session = visitor.session {
      guard let token = form["csrf"], identity.checkCSRF(token, session: session, purpose: Self.purpose) else {
        return formFailure(.foreignOrigin, request)
      }
      // While the session is there to ask.
      note = identity.noteProviderSignOut(sessionID: session.id)
      switch form["scope"] {
      case "everything": await identity.signOut(sessionID: session.id)
      case "browser": await identity.signOutBrowser(sessionID: session.id)
      default: return refusal(.badRequest("The form does not say what to end."), request, session: nil)
      }
      for other in clientSessions(request) where other.id != session.id {
        if form["scope"] == "everything" {
          await identity.signOut(sessionID: other.id)
        } else {
          await identity.signOutBrowser(sessionID: other.id)
        }
      }
    }
    var response = OwnResponse.redirect(authenticateURL("/.pomerium/signed_out", onward(form.fields)), status: 303)
    response.headers.add("Set-Cookie", EdgeCookie.expire(identity.cookieName))
    if let note { response.headers.add("Set-Cookie", providerSignOutCookie(note)) }
    expireClientCookies(request, in: &response)
    // They came from a page that was not theirs to open: the link back is for another account.
    if !onward(form.fields).isEmpty { rememberChoice(in: &response) }
    return response
  }

  func signedOutPage(_ visitor: Visitor) async -> OwnResponse {
    let request = visitor.request
    if visitor.session != nil { return .redirect(authenticateURL("/.pomerium/")) }
    guard RequestAudience(request).wantsHTML else {
      return .json(.object([("signed_out", .bool(true)), ("request_id", .string(request.requestID))]))
    }
    let fields = onward(visitor)
    var link: HTML = "<a class=\"button primary\" href=\"/.pomerium/\">Sign in</a>"
    if let code = fields.first(where: { $0.0 == "user_code" })?.1 {
      let address = "/.pomerium/sign_in?user_code=" + QueryString.percentEncode(code)
      link = "<a class=\"button primary\" href=\"\(url: address)\">Sign in with another account</a>"
    } else if let url = fields.first(where: { $0.0 == "pomerium_redirect_uri" })?.1, let address = servedAddress(url) {
      // Through the route host's own sign-in: the cookie there still belongs to the session that has just ended.
      let begin =
        address.origin + "/.pomerium/sign_in?pomerium_redirect_uri=" + QueryString.percentEncode(address.target)
      link = "<a class=\"button primary\" href=\"\(url: begin)\">Sign in to \(address.host)</a>"
    }
    var response = Page(
      title: "Signed out",
      content: """
        <p class="eyebrow">Signed out</p>
        <h1>You are signed out.</h1>
        <p class="lead">Pages behind this edge will ask you to sign in again.</p>
        <div class="actions">\(link)</div>
        \(await providerSignOutLink())
        """, requestID: request.requestID
    ).response()
    // Not a redirect: browsers count it to the form that was sent, which may lead to this host only.
    if let onward = configuration.signedOutURL { response.headers.add("Refresh", "0; url=\(onward)") }
    return response
  }

  private static let purpose = "sign-out"

  private func onward(_ visitor: Visitor) -> [(String, String)] { onward(visitor.query) }

  /// Where the person was, as far as we would link there ourselves: a served page, or a waiting code.
  private func onward(_ fields: [(String, String)]) -> [(String, String)] {
    if let code = fields.first(where: { $0.0 == "user_code" })?.1, code.utf8.count <= 64,
      code.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f })
    {
      return [("user_code", code)]
    }
    if let url = fields.first(where: { $0.0 == "pomerium_redirect_uri" })?.1, servedAddress(url) != nil {
      return [("pomerium_redirect_uri", url)]
    }
    return []
  }

  private func keyItem(_ key: KeyBinding) -> HTML {
    "<li><code>\(key.fingerprint)</code><br><span class=\"small\">every ssh connection of this \(key.keyType) key</span></li>"
  }

  private func shellItem(_ connection: LiveConnection) -> HTML {
    let what: HTML =
      switch connection.shells {
      case 0: "an ssh connection"
      case 1: "a shell"
      default: "\(connection.shells) shells"
      }
    return
      "<li>\(what) from <code>\(connection.sourceAddress)</code><br><span class=\"small\">\(connection.clientVersion)</span></li>"
  }

  private func tokenItem(_ token: ProgramToken) -> HTML {
    "<li>the token of a program for \(token.host)</li>"
  }

  /// A sign-in with a client of its own.
  private func otherItem(_ session: Session) -> HTML {
    let hosts = hosts(of: session).joined(separator: ", ")
    let place: HTML = hosts.isEmpty ? "pages" : "\(hosts)"
    return """
      <li>the sign-in to \(place) as <strong>\(session.subject.displayName)</strong><br>\
      <span class="small">it is one of its own</span></li>
      """
  }
}
