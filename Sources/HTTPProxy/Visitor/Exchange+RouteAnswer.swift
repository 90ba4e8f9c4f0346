import HTTPWire
import Routing

/// Routes without a service: `redirect` and `response`.
extension Exchange {
  func say(_ answer: RouteAnswer, _ plan: RoutePlan) {
    guard let head else { return }
    var headers = plan.addedResponseFields
    for (_, _, line) in plan.defaultResponseFields { headers.append(contentsOf: line) }
    switch answer {
    case .response(let status, let body):
      if !body.isEmpty, !headers.contains(.contentType) { headers.add("Content-Type", "text/plain; charset=utf-8") }
      self.answer(
        OwnResponse(status: status, headers: headers, body: Array(body.utf8)), detail: "route_response")
    case .redirect(let redirect):
      headers.add("Location", plan.location(redirect, for: head))
      self.answer(OwnResponse(status: redirect.status, headers: headers), detail: "route_redirect")
    }
  }
}

extension Exchange {
  /// To the same host: another path must not become another place.
  func redirect(to path: String) {
    guard let head, let authority = head.authority else { return }
    let headers = HeaderList([("Location", "\(scheme(of: head))://\(authority.text)\(path)")])
    answer(OwnResponse(status: 307, headers: headers), detail: "path_redirect")
  }
}

extension RoutePlan {
  /// Where a redirecting route sends this request.
  func location(_ redirect: RouteRedirect, for head: RequestHead) -> String {
    let scheme = redirect.scheme ?? "https"
    var authority = redirect.host ?? head.authority?.host ?? ""
    if authority.contains(":"), !authority.hasPrefix("[") { authority = "[\(authority)]" }
    // Another host or scheme has its own usual port.
    let port = redirect.port ?? (redirect.host == nil && redirect.scheme == nil ? head.authority?.port : nil)
    if let port, port != (scheme == "http" ? 80 : 443) { authority += ":\(port)" }
    var path = redirect.path ?? head.path
    if let prefix = redirect.prefixRewrite { path = replacingPrefix(of: head.path, with: prefix) }
    let query = redirect.stripsQuery ? nil : head.query
    return "\(scheme)://\(authority)\(path)\(query.map { "?\($0)" } ?? "")"
  }
}
