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
        \(Self.claims(of: subject))<h2>Your tunnels</h2>
        \(tunnelList(tunnels(of: session), none: "You publish nothing at the moment."))\(refusedList(of: session, now: now))
        <h2>Keys and sessions</h2>
        <p>\(Self.keyCount(identity.bindings(of: session).count)) <a href="\(url: Self.accessPath)">See everything that acts as you, and \
        end what you do not recognise</a></p>
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
    members.append(("claims", .object(Self.shownClaims(of: subject).map { ($0.0, .string($0.1)) })))
    members.append(("session_id", .string(session.id)))
    members.append(("signed_in_at", .string(PageTime.iso(session.authenticatedAt))))
    members.append(("expires_at", .string(PageTime.iso(session.expiresAt))))
    return .json(.object(members))
  }

  // MARK: Claims

  /// What the provider said, as policies see it; in the order of names.
  private static func claims(of subject: Subject) -> HTML {
    let shown = shownClaims(of: subject)
    guard !shown.isEmpty else { return "" }
    let rows = shown.map { name, value -> HTML in "<div><dt>\(name)</dt><dd>\(value)</dd></div>\n" }
    return """
      <details>
      <summary>What your identity provider says of you</summary>
      <dl>
      \(rows)</dl>
      </details>

      """
  }

  private static func shownClaims(of subject: Subject) -> [(String, String)] {
    subject.claims.filter { !hiddenClaims.contains($0.key) }.sorted { $0.key < $1.key }.prefix(mostClaims)
      .map { ($0.key, text(of: $0.value)) }
  }

  /// Of the protocol, not of the person: they bind tokens together, or name the session at the provider.
  private static let hiddenClaims: Set<String> = [
    "iss", "aud", "azp", "exp", "iat", "nbf", "jti", "nonce", "at_hash", "c_hash", "s_hash", "sid", "session_state",
    "typ",
  ]
  private static let mostClaims = 64

  private static func text(of claim: ClaimValue) -> String {
    switch claim {
    case .string(let text): text
    case .list(let values): values.prefix(mostClaims).map(text).joined(separator: ", ")
    case .object(let members): members.keys.sorted().prefix(mostClaims).joined(separator: ", ")
    case .bool(let flag): flag ? "yes" : "no"
    case .number(let number): Int64(exactly: number).map(String.init) ?? String(number)
    case .null: "nothing"
    }
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

  /// - Parameter more: follows what is said of it.
  func tunnelItem(_ binding: Binding, more: HTML = "") -> HTML {
    let scheme = binding.origin.scheme
    let name = scheme.isWeb ? binding.name.description : binding.origin.url
    switch binding.state {
    case .attached where scheme.isServed:
      var origin = "https://\(name)"
      if let port = binding.origin.port, port != 443 { origin += ":\(port)" }
      return "<li><a href=\"\(url: origin)/\">\(name)</a> <span class=\"tag\">published</span>\(more)</li>"
    case .attached: return tunnel(name, not: "reachable", scheme.whyNotServed ?? "", more)
    case .detached(let reason): return tunnel(name, not: "published", reason.rawValue, more)
    }
  }

  private func tunnel(_ name: String, not what: HTML, _ reason: String, _ more: HTML) -> HTML {
    "<li>\(name) <span class=\"tag warn\">not \(what)</span><br><span class=\"small\">\(reason)</span>\(more)</li>"
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
