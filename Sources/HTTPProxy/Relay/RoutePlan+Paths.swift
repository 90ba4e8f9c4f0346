import HTTPWire
import Patterns
import Routing

/// What a service is asked for.
extension RoutePlan {
  /// A path after `regex_rewrite_*`.
  enum ServicePath {
    /// As the visitor wrote it, for all the pattern knows.
    case unchanged
    case rewritten(String)
    /// Takes too much work, or can be read in more than one way afterwards.
    case refused
  }

  /// The policy has seen the path that came; what the service is asked for follows from it, and must be as clear.
  func servicePath(of head: RequestHead) -> ServicePath {
    guard let rewrite = route.http.shaping.pathRewrite else { return .unchanged }
    guard var path = rewrite.applied(to: head.path) else { return .refused }
    if path.utf8.first != ByteClass.slash { path = "/" + path }
    if PathShape(of: Array(path.utf8)[...]).isAmbiguous { return .refused }
    return .rewritten(path)
  }

  /// The target as the service sees it: `prefix_rewrite`, or the path of the `to` that was chosen, in place of what the
  /// route matched.
  func rewritten(_ target: String, to chosen: RouteTarget?) -> String {
    if let rewrite = route.http.prefixRewrite { return replacingPrefix(of: target, with: rewrite) }
    guard let path = (chosen ?? route.targets.first)?.path, !path.isEmpty, path != "/" else { return target }
    return replacingPrefix(of: target, with: path)
  }

  func replacingPrefix(of target: String, with replacement: String) -> String {
    guard target.utf8.first == ByteClass.slash else { return target }
    let matched: Int
    switch route.path {
    case .any: matched = 1
    case .prefix(let prefix): matched = prefix.utf8.count
    case .exact(let path): matched = path.utf8.count
    case .pattern: matched = target.utf8.prefix { $0 != ByteClass.questionMark }.count
    }
    let rest = String(decoding: target.utf8.dropFirst(matched), as: UTF8.self)
    if rest.isEmpty || rest.hasPrefix("?") { return replacement + rest }
    let joins = replacement.hasSuffix("/") || rest.hasPrefix("/")
    if joins {
      return (replacement.hasSuffix("/") && rest.hasPrefix("/") ? String(replacement.dropLast()) : replacement) + rest
    }
    // `/api` matched whole segments, or a prefix in the middle of one (`/ap` of `/api`): then nothing is put between.
    let splitsSegment = matched > 1 && !(Array(target.utf8.prefix(matched)).last == ByteClass.slash)
    return replacement + (splitsSegment ? "" : "/") + rest
  }

  // MARK: Host

  /// The Host field of a request to the service.
  func host(for head: RequestHead, to chosen: RouteTarget?) -> String {
    if let name = route.http.hostRewriteHeader, let value = head.headers.first(name),
      let authority = Authority(Array(value.utf8))
    {
      return authority.text
    }
    if let rewrite = route.http.shaping.hostFromPath, let text = rewrite.applied(to: head.path),
      let authority = Authority(Array(text.utf8))
    {
      return authority.text
    }
    if route.targets.count > 1, usesHostOfTarget, let chosen { return Self.host(of: chosen) }
    return hostHeader ?? head.authority?.text ?? "localhost"
  }

  /// Product fine point 3.
  static func host(of target: RouteTarget?) -> String {
    guard let target, target.host != "non-existent-route" else { return "localhost" }
    let name = target.host.contains(":") ? "[\(target.host)]" : target.host
    return target.portIsExplicit ? "\(name):\(target.port)" : name
  }
}
