import HTTPWire
import Identity
import Policy

/// The ssh keys that stand for a person, and taking one back.
extension OwnPages {
  func keysPage(_ visitor: Visitor) async -> OwnResponse {
    let request = visitor.request
    guard let session = visitor.session else {
      return await signInFirst(visitor, thenTo: "/.pomerium/session_binding_info")
    }
    let bindings = identity.bindings(of: session)
    guard RequestAudience(request).wantsHTML else {
      return .json(.object([("keys", .list(bindings.map(Self.object)))]))
    }
    let now = clock()
    let token = identity.csrfToken(session: session, purpose: Self.revokePurpose)
    let revoked: HTML =
      visitor.parameter("revoked") == nil
      ? "" : "<div class=\"note good\" role=\"status\"><p>The key was revoked. Its connections have ended.</p></div>\n"
    let list: HTML =
      bindings.isEmpty
      ? "<p>No key is signed in. When you sign in with ssh, the key shows up here.</p>\n"
      : bindings.map { Self.entry($0, session: session, token: token, now: now) }.joined("\n")
    return Page(
      title: "Your ssh keys",
      content: """
        <p class="eyebrow">Your account</p>
        <h1>Your ssh keys</h1>
        <p class="lead">Whoever holds one of these keys is <strong>\(session.subject.displayName)</strong> to the edge.</p>
        \(revoked)\(list)
        """, requestID: request.requestID, account: .keys, hasForm: true
    ).response()
  }

  /// POST: ends one binding, if it is the caller's own.
  func revokeKey(_ visitor: Visitor) async -> OwnResponse {
    let request = visitor.request
    let form: OwnForm
    switch ownForm(request) {
    case .success(let read): form = read
    case .failure(let problem): return formFailure(problem, request)
    }
    guard let session = visitor.session else {
      return signInNeeded(request, at: authenticateURL("/.pomerium/session_binding_info"))
    }
    guard let token = form["csrf"], identity.checkCSRF(token, session: session, purpose: Self.revokePurpose) else {
      return formFailure(.foreignOrigin, request)
    }
    guard let id = form["sessionBindingID"] else {
      return refusal(.badRequest("The form names no key."), request, session: nil)
    }
    do throws(IdentityError) {
      try await identity.revoke(bindingID: id, by: session)
      return .redirect(authenticateURL("/.pomerium/session_binding_info", [("revoked", "1")]), status: 303)
    } catch {
      return failure(error, request)
    }
  }

  private static let revokePurpose = "revoke-key"

  private static func entry(_ binding: KeyBinding, session: Session, token: String, now: UnixTime) -> HTML {
    let scope: HTML = binding.scope == .edge ? "publishing, the edge itself" : "hosts behind the edge"
    let others = binding.sources.filter { $0 != binding.sourceAddress }
    let elsewhere: HTML =
      others.isEmpty
      ? ""
      : "<div><dt>Also used from</dt><dd><code>\(others.joined(separator: ", "))</code> <span class=\"tag warn\">other address</span></dd></div>\n"
    let otherSession: HTML = binding.sessionID == session.id ? "" : " <span class=\"tag\">another sign-in</span>"
    return """
      <section class="key" aria-label="Key \(binding.fingerprint)">
      <h2><code>\(binding.fingerprint)</code></h2>
      <p class="small">\(binding.keyType) · \(scope)\(otherSession)</p>
      <dl>
      <div><dt>Approved</dt><dd>\(PageTime.element(binding.approvedAt, now: now))</dd></div>
      <div><dt>From</dt><dd><code>\(binding.sourceAddress)</code></dd></div>
      \(elsewhere)<div><dt>Last used</dt><dd>\(PageTime.element(binding.lastUsedAt, now: now))</dd></div>
      <div><dt>Program</dt><dd><code>\(binding.clientVersion)</code></dd></div>
      <div><dt>Until</dt><dd>\(PageTime.element(binding.expiresAt, now: now))</dd></div>
      </dl>
      <form method="post" action="/.pomerium/session_binding/revoke">
      <input type="hidden" name="csrf" value="\(url: token)">
      <input type="hidden" name="sessionBindingID" value="\(url: binding.id)">
      <button class="danger slim" type="submit" aria-label="Revoke the key \(binding.fingerprint)">Revoke</button>
      </form>
      </section>
      """
  }

  private static func object(_ binding: KeyBinding) -> JSONText {
    .object([
      ("id", .string(binding.id)), ("fingerprint", .string(binding.fingerprint)),
      ("key_type", .string(binding.keyType)),
      ("scope", .string(binding.scope.rawValue)), ("source_address", .string(binding.sourceAddress)),
      ("client", .string(binding.clientVersion)), ("approved_at", .string(PageTime.iso(binding.approvedAt))),
      ("last_used_at", .string(PageTime.iso(binding.lastUsedAt))),
      ("expires_at", .string(PageTime.iso(binding.expiresAt))),
    ])
  }
}
