import HTTPWire
import Identity
import PlainText
import Policy

/// The browsers a person is signed in with, and signing one of them out from here.
extension OwnPages {
  static let endSessionPath = "/.pomerium/session/end"

  /// POST: ends one session, if it is the caller's own.
  func endSession(_ visitor: Visitor) async -> OwnResponse {
    switch access(visitor, names: "sessionID") {
    case .failure(let answered): return answered.response
    case .success(let (session, id)):
      do throws(IdentityError) {
        try await identity.endSession(id: id, by: session)
      } catch {
        return accessFailure(error, visitor.request)
      }
      guard id == session.id else { return backToAccess(.session) }
      var response = OwnResponse.redirect(authenticateURL("/.pomerium/signed_out"), status: 303)
      response.headers.add("Set-Cookie", EdgeCookie.expire(identity.cookieName))
      return response
    }
  }

  func sessionList(_ sessions: [ListedSession], _ keys: [KeyBinding], _ form: AccessForm) -> HTML {
    "\(sessions.map { Self.entry($0, keys, form) })"
  }

  private static func entry(_ listed: ListedSession, _ keys: [KeyBinding], _ form: AccessForm) -> HTML {
    let session = listed.session
    let isThis = session.id == form.session.id
    let name = session.browser.map { BrowserName.text($0.agent) } ?? "A browser"
    let from: HTML = session.browser.map { "<div><dt>From</dt><dd><code>\($0.address)</code></dd></div>\n" } ?? ""
    let tag: HTML =
      isThis
      ? " <span class=\"tag\">this browser</span>"
      : listed.acceptsCookies ? "" : " <span class=\"tag\">signed out, its ssh keys go on</span>"
    let own = keys.filter { $0.sessionID == session.id }.count
    let keyRow: HTML = own == 0 ? "" : "<div><dt>ssh keys</dt><dd>\(own)</dd></div>\n"
    let since = PageTime.text(session.issuedAt)
    let button: HTML =
      isThis
      ? "<a class=\"button danger slim\" href=\"/.pomerium/sign_out\">Sign out…</a>"
      : form.button(
        "Sign out", to: endSessionPath, field: "sessionID", value: session.id,
        label: "Sign out \(name), signed in \(since)")
    return """
      <section class="key" aria-label="\(name), signed in \(since)">
      <h3>\(name)\(tag)</h3>
      <dl>
      \(from)<div><dt>Signed in</dt><dd>\(PageTime.element(session.authenticatedAt, now: form.now))</dd></div>
      <div><dt>Until</dt><dd>\(PageTime.element(session.expiresAt, now: form.now))</dd></div>
      \(keyRow)</dl>
      \(button)
      </section>

      """
  }

  static func object(_ listed: ListedSession, _ current: Session) -> JSONText {
    let session = listed.session
    var members: [(String, JSONText)] = [("id", .string(session.id))]
    if let browser = session.browser {
      members.append(("browser", .string(browser.agent)))
      members.append(("address", .string(browser.address)))
    }
    members.append(("signed_in_at", .string(PageTime.iso(session.authenticatedAt))))
    members.append(("expires_at", .string(PageTime.iso(session.expiresAt))))
    members.append(("this", .bool(session.id == current.id)))
    members.append(("signed_out", .bool(!listed.acceptsCookies)))
    return .object(members)
  }
}
