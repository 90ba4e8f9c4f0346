import HTTPWire
import Identity
import PlainText
import Policy

/// The tokens that a person gave to programs, and taking one back (security rule 20).
extension OwnPages {
  static let revokeTokenPath = "/.pomerium/token/revoke"

  /// POST: ends one token, if it is the caller's own.
  func revokeToken(_ visitor: Visitor) async -> OwnResponse {
    switch access(visitor, names: "tokenID") {
    case .failure(let answered): return answered.response
    case .success(let (session, id)):
      do throws(IdentityError) {
        try await identity.revokeProgramToken(id: id, by: session)
        return backToAccess(.token)
      } catch {
        return accessFailure(error, visitor.request)
      }
    }
  }

  func tokenList(_ tokens: [ProgramToken], _ form: AccessForm) -> HTML {
    tokens.isEmpty
      ? "<p>No program has a token of yours. One that signs in with <code>tunnel-edge login</code> shows up here.</p>\n"
      : "\(tokens.map { Self.entry($0, form) })"
  }

  private static func entry(_ token: ProgramToken, _ form: AccessForm) -> HTML {
    let used: HTML =
      token.lastUsedAt.map { "<div><dt>Last used</dt><dd>\(PageTime.element($0, now: form.now))</dd></div>\n" } ?? ""
    let since = PageTime.text(token.approvedAt)
    let button = form.button(
      "Revoke", to: revokeTokenPath, field: "tokenID", value: token.id,
      label: "Revoke the token for \(token.host), given \(since)")
    return """
      <section class="key" aria-label="Token for \(token.host), given \(since)">
      <h3>A program, for \(token.host)</h3>
      <dl>
      <div><dt>Given</dt><dd>\(PageTime.element(token.approvedAt, now: form.now))</dd></div>
      <div><dt>To</dt><dd><code>\(token.target)</code><small>approved from \(token.sourceAddress)</small></dd></div>
      \(used)<div><dt>Until</dt><dd>\(PageTime.element(token.expiresAt, now: form.now))</dd></div>
      </dl>
      \(button)
      </section>

      """
  }

  static func object(_ token: ProgramToken) -> JSONText {
    var members: [(String, JSONText)] = [
      ("id", .string(token.id)), ("host", .string(token.host)), ("target", .string(token.target)),
      ("source_address", .string(token.sourceAddress)), ("approved_at", .string(PageTime.iso(token.approvedAt))),
      ("expires_at", .string(PageTime.iso(token.expiresAt))),
    ]
    if let used = token.lastUsedAt { members.append(("last_used_at", .string(PageTime.iso(used)))) }
    return .object(members)
  }
}
