import HTTPWire
import Routing

/// Whether a page of another origin sent a request (security rule 18).
enum RequestOrigin {
  /// `true`: a request admitted by cookie must be refused. Asked for unsafe methods and for upgrades.
  static func isForeign(_ head: RequestHead, route: Route) -> Bool {
    var isAllowed = false
    for field in head.headers.fields where field.kind == .origin {
      let origin = head.headers.value(field)
      if route.http.allowedOrigins.contains(where: { $0.lowercased() == origin.lowercased() }) {
        isAllowed = true
      } else if !isOwn(origin, head: head) {
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

  /// The origin of the request itself. Visitors may come through something that ends TLS, so the scheme may be either; the
  /// host and the port may not.
  private static func isOwn(_ origin: String, head: RequestHead) -> Bool {
    guard let authority = head.authority else { return false }
    for (scheme, standardPort) in [("https://", 443), ("http://", 80)] where origin.lowercased().hasPrefix(scheme) {
      guard let named = Authority(Array(origin.utf8.dropFirst(scheme.utf8.count))) else { return false }
      return named.host == authority.host && (named.port ?? standardPort) == (authority.port ?? standardPort)
    }
    return false
  }
}
