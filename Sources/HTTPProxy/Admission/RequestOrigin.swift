import HTTPWire
import Routing

/// Whether a page of another origin sent a request (security rule 18).
enum RequestOrigin {
  /// `true`: a request admitted by cookie must be refused. Asked for unsafe methods and for upgrades. Where TLS ends before
  /// us, visitors' pages may have either scheme; else a plain one is whoever stands in the way, not the route.
  static func isForeign(_ head: RequestHead, route: Route, endsTLS: Bool) -> Bool {
    var isAllowed = false
    for field in head.headers.fields where field.kind == .origin {
      let origin = head.headers.value(field)
      if route.http.allowedOrigins.contains(where: { $0.lowercased() == origin.lowercased() }) {
        isAllowed = true
      } else if !isOwn(origin, head: head, schemes: endsTLS ? [secure] : [secure, plain]) {
        return true
      }
    }
    if isAllowed { return false }
    for field in head.headers.fields where field.kind == .secFetchSite {
      let isNear = head.headers.valueEquals(field, "same-origin") || head.headers.valueEquals(field, "none")
      if !isNear { return true }
    }
    return false
  }

  private static let secure = ("https://", 443)
  private static let plain = ("http://", 80)

  /// The origin of the request itself: scheme, host and port.
  private static func isOwn(_ origin: String, head: RequestHead, schemes: [(String, Int)]) -> Bool {
    guard let authority = head.authority else { return false }
    for (scheme, standardPort) in schemes where origin.lowercased().hasPrefix(scheme) {
      guard let named = Authority(Array(origin.utf8.dropFirst(scheme.utf8.count))) else { return false }
      return named.host == authority.host && (named.port ?? standardPort) == (authority.port ?? standardPort)
    }
    return false
  }
}
