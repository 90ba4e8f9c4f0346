import HTTPWire
import Identity
import PlainText
import Policy
import Routing

/// `/.pomerium/`: who you are, your session, your tunnels and keys. No token is ever shown.
extension OwnPages {
  func details(_ visitor: Visitor) async -> OwnResponse {
    let request = visitor.request
    guard let session = visitor.session else { return await signInFirst(visitor, thenTo: "/.pomerium/") }
    guard RequestAudience(request).wantsHTML, request.path == "/.pomerium/" else { return detailsObject(session) }
    let subject = session.subject
    let now = clock()
    let groups: HTML =
      subject.groups.isEmpty
      ? "" : "<div><dt>Groups</dt><dd>\(subject.groups.prefix(50).joined(separator: ", "))</dd></div>\n"
    let name: HTML = subject.name.map { "<div><dt>Name</dt><dd>\($0)</dd></div>\n" } ?? ""
    return Page(
      title: "Your account",
      content: """
        <p class="eyebrow">Your account</p>
        <h1>\(subject.displayName)</h1>
        <p class="lead">You are signed in to this edge.</p>
        <dl>
        \(name)\(groups)<div><dt>Signed in</dt><dd>\(PageTime.element(session.authenticatedAt, now: now))</dd></div>
        <div><dt>Until</dt><dd>\(PageTime.element(session.expiresAt, now: now))</dd></div>
        <div><dt>Signed in with</dt><dd>\(session.provider)<small>\(subject.issuer)</small><small>as <code>\(subject.userID)</code></small></dd></div>
        </dl>
        <h2>Your tunnels</h2>
        \(tunnelList(tunnels(of: session), none: "You publish nothing at the moment."))\(refusedList(of: session, now: now))
        <h2>Your ssh keys</h2>
        <p>\(Self.keyCount(identity.bindings(of: session).count)) <a href="/.pomerium/session_binding_info">Look at them or revoke one</a></p>
        <div class="actions"><a class="button" href="/.pomerium/sign_out">Sign out…</a></div>

        """, requestID: request.requestID, account: .details
    ).response()
  }

  private func detailsObject(_ session: Session) -> OwnResponse {
    let subject = session.subject
    var members: [(String, JSONText)] = [("user", .string(subject.userID)), ("issuer", .string(subject.issuer))]
    if let email = subject.email { members.append(("email", .string(email))) }
    if let name = subject.name { members.append(("name", .string(name))) }
    members.append(("groups", .list(subject.groups.map { .string($0) })))
    members.append(("session_id", .string(session.id)))
    members.append(("signed_in_at", .string(PageTime.iso(session.authenticatedAt))))
    members.append(("expires_at", .string(PageTime.iso(session.expiresAt))))
    return .json(.object(members))
  }

  /// Tunnels that this session holds open.
  func tunnels(of session: Session) -> [Binding] {
    registry.bindings().filter { $0.owner.sessionID == session.id }
      .sorted { $0.name.description < $1.name.description }
  }

  func tunnelList(_ tunnels: [Binding], none: HTML) -> HTML {
    guard !tunnels.isEmpty else { return "<p>\(none)</p>" }
    return "<ul class=\"plain\">\(tunnels.map { tunnelItem($0) })</ul>"
  }

  func tunnelItem(_ binding: Binding) -> HTML {
    let scheme = binding.origin.scheme
    let name = scheme.isWeb ? binding.name.description : binding.origin.url
    switch binding.state {
    case .attached where scheme.isServed:
      var origin = "https://\(name)"
      if let port = binding.origin.port, port != 443 { origin += ":\(port)" }
      return "<li><a href=\"\(url: origin)/\">\(name)</a> <span class=\"tag\">published</span></li>"
    case .attached: return tunnel(name, not: "reachable", scheme.whyNotServed ?? "")
    case .detached(let reason): return tunnel(name, not: "published", reason.rawValue)
    }
  }

  private func tunnel(_ name: String, not what: HTML, _ reason: String) -> HTML {
    "<li>\(name) <span class=\"tag warn\">not \(what)</span><br><span class=\"small\">\(reason)</span></li>"
  }

  /// What ssh clients asked for in vain that go on with other tunnels: with `-N` they cannot say it themselves.
  private func refusedList(of session: Session, now: UnixTime) -> HTML {
    let refused = registry.refusedForwards(sessionID: session.id).suffix(RefusedForward.most)
    guard !refused.isEmpty else { return "" }
    let items = refused.map { one -> HTML in
      "<li>\(one.text) <span class=\"small\">\(PageTime.element(one.at, now: now))</span></li>"
    }
    return "<p>Asked for by your ssh clients and refused:</p>\n<ul class=\"plain\">\(items)</ul>"
  }

  static func keyCount(_ count: Int) -> HTML {
    switch count {
    case 0: "No key is signed in."
    case 1: "One key is signed in."
    default: "\(count) keys are signed in."
    }
  }
}
