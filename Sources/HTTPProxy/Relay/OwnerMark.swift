import EdgeCrypto
import HTTPWire
import Policy

/// Tells browsers when a name has changed its owner (security rule 19).
///
/// What a publisher's pages left in a browser — caches, service workers — would act on the next publisher's pages. A cookie of
/// ours remembers whose pages a browser saw last; when it is missing or names another, the answer clears what was left.
/// Missing counts too: pages can push a cookie out, but not forge this one.
struct OwnerMark {
  /// How long browsers keep a cookie at most.
  private static let lifetime = 400 * 24 * 3600

  let cookie: CookieReader
  private let name: String

  init(cookieName: String) {
    name = cookieName + "_owner"
    cookie = CookieReader(name: name)
  }

  /// The mark of a person on a host. A hash: the cookie is nobody's business.
  static func value(owner: Subject, host: String) -> String {
    let text = "\(owner.issuer)\n\(owner.userID)\n\(owner.serviceAccount ?? "")\n\(host)"
    return Base64.encodeURL(Array(Digest.sha256(text).prefix(12)))
  }

  /// Whether a request comes from a browser; others keep nothing.
  static func concerns(_ head: RequestHead) -> Bool {
    head.headers.contains(.secFetchMode) || head.headers.first(.accept)?.contains("text/html") == true
  }

  /// What is added to the answer; nothing for a browser that saw this owner's pages last.
  func fields(for head: RequestHead, mark: String) -> HeaderList? {
    if cookie.find(in: head.headers) == .one(mark) { return nil }
    return HeaderList([
      ("Clear-Site-Data", "\"cache\", \"storage\""),
      ("Set-Cookie", "\(name)=\(mark); Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=\(Self.lifetime)"),
    ])
  }
}
