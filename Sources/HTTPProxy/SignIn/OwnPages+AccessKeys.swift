import HTTPWire
import Identity
import PlainText
import Policy

/// The ssh keys that stand for a person, and taking one back.
extension OwnPages {
  static let revokeKeyPath = "/.pomerium/session_binding/revoke"

  /// POST: ends one binding, if it is the caller's own.
  func revokeKey(_ visitor: Visitor) async -> OwnResponse {
    switch access(visitor, names: "sessionBindingID") {
    case .failure(let answered): return answered.response
    case .success(let (session, id)):
      do throws(IdentityError) {
        try await identity.revoke(bindingID: id, by: session)
        return backToAccess(.key)
      } catch {
        return accessFailure(error, visitor.request)
      }
    }
  }

  func keyList(_ bindings: [KeyBinding], _ form: AccessForm) -> HTML {
    bindings.isEmpty
      ? "<p>No key is signed in. When you sign in with ssh, the key shows up here.</p>\n"
      : "\(bindings.map { Self.entry($0, form) })"
  }

  private static func entry(_ binding: KeyBinding, _ form: AccessForm) -> HTML {
    let scope: HTML = binding.scope == .edge ? "publishing, the edge itself" : "hosts behind the edge"
    let others = binding.sources.filter { $0 != binding.sourceAddress }
    let elsewhere: HTML =
      others.isEmpty
      ? ""
      : "<div><dt>Also used from</dt><dd><code>\(others.joined(separator: ", "))</code> <span class=\"tag warn\">other address</span></dd></div>\n"
    let otherSession: HTML =
      binding.sessionID == form.session.id ? "" : " <span class=\"tag\">from another browser</span>"
    let once: HTML = binding.isRemembered ? "" : " <span class=\"tag\">not remembered</span>"
    let button = form.button(
      "Revoke", to: revokeKeyPath, field: "sessionBindingID", value: binding.id,
      label: "Revoke the key \(binding.fingerprint)")
    return """
      <section class="key" aria-label="Key \(binding.fingerprint)">
      <h3><code>\(binding.fingerprint)</code></h3>
      <p class="small">\(binding.keyType) · \(scope)\(otherSession)\(once)</p>
      <dl>
      <div><dt>Approved</dt><dd>\(PageTime.element(binding.approvedAt, now: form.now))</dd></div>
      <div><dt>From</dt><dd><code>\(binding.sourceAddress)</code></dd></div>
      \(elsewhere)<div><dt>Last used</dt><dd>\(PageTime.element(binding.lastUsedAt, now: form.now))</dd></div>
      <div><dt>Program</dt><dd><code>\(binding.clientVersion)</code></dd></div>
      <div><dt>Until</dt><dd>\(PageTime.element(binding.expiresAt, now: form.now))</dd></div>
      </dl>
      \(button)
      </section>

      """
  }

  static func object(_ binding: KeyBinding) -> JSONText {
    .object([
      ("id", .string(binding.id)), ("fingerprint", .string(binding.fingerprint)),
      ("key_type", .string(binding.keyType)),
      ("scope", .string(binding.scope.rawValue)), ("source_address", .string(binding.sourceAddress)),
      ("client", .string(binding.clientVersion)), ("approved_at", .string(PageTime.iso(binding.approvedAt))),
      ("last_used_at", .string(PageTime.iso(binding.lastUsedAt))),
      ("expires_at", .string(PageTime.iso(binding.expiresAt))), ("remembered", .bool(binding.isRemembered)),
    ])
  }
}
