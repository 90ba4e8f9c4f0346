import HTTPWire
import Identity
import Routing

/// URLs of our own, and what may be returned to.
extension OwnPages {
  /// A page of the authenticate host.
  func authenticateURL(_ path: String, _ query: [(String, String)] = []) -> String {
    let base = identity.authenticateURL + path
    return query.isEmpty ? base : base + "?" + QueryString.encode(query)
  }

  /// The origin that a request was addressed to.
  func origin(of request: OwnRequest) -> String {
    guard let port = request.port, port != 443 else { return "https://\(request.host)" }
    return "https://\(request.host):\(port)"
  }

  /// Where to come back to after signing in: what was asked for, if that was a page.
  func returnURL(of request: OwnRequest) -> String {
    let origin = origin(of: request)
    switch request.method {
    case .get, .head:
      let target = request.path + (request.query.map { "?" + $0 } ?? "")
      return isReturnable(target) ? origin + target : origin + "/"
    default:
      // The page that holds the form, if it says so.
      if let referrer = request.headers.first("referer"), referrer.hasPrefix(origin + "/"),
        isReturnable(String(referrer.dropFirst(origin.count)))
      {
        return referrer
      }
      return origin + "/"
    }
  }

  /// A path of some host: one slash, visible ASCII, and not so long that no cookie jar or header takes it.
  func isReturnable(_ target: String) -> Bool {
    target.hasPrefix("/") && !target.hasPrefix("//") && !target.hasPrefix("/\\") && target.utf8.count <= 4096
      && target.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\\") }
  }

  /// The target (path and query) of an absolute URL, if it lies at exactly this origin.
  func target(of url: String, at origin: String) -> String? {
    guard url.lowercased().hasPrefix(origin + "/") else { return nil }
    let target = String(url.dropFirst(origin.count))
    return isReturnable(target) ? target : nil
  }

  /// The origin and target of a URL on a host that a route serves; anything else is nowhere we send or link anybody to.
  func servedAddress(_ url: String) -> (origin: String, host: String, target: String)? {
    let scheme = "https://"
    guard url.hasPrefix(scheme) else { return nil }
    let authority = String(url.dropFirst(scheme.count).prefix { $0 != "/" && $0 != "?" && $0 != "#" })
    let parts = authority.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard let name = parts.first, let host = HostName(String(name)), routes.current().servesHost(host) else {
      return nil
    }
    var origin = scheme + host.text
    if parts.count == 2 {
      guard let port = UInt16(parts[1]), port > 0 else { return nil }
      if port != 443 { origin += ":\(port)" }
    }
    let rest = String(url.dropFirst(scheme.count + authority.count))
    let target = rest.isEmpty ? "/" : rest
    guard isReturnable(target) else { return nil }
    return (origin, host.text, target)
  }
}
