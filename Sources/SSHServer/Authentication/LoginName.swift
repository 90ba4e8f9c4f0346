/// The user name of an ssh login: split at the last `@` (product.md), so that logins may contain `@` themselves.
struct LoginName: Sendable, Hashable {
  let user: String
  /// The host that is wanted; `nil`: the edge itself.
  let route: String?

  init(_ text: String) {
    guard let at = text.lastIndex(of: "@") else {
      user = text
      route = nil
      return
    }
    user = String(text[..<at])
    let rest = text[text.index(after: at)...]
    route = rest.isEmpty ? nil : String(rest)
  }
}
