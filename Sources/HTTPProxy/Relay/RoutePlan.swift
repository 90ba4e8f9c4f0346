import HTTPWire
import NIOCore
import Routing

/// A route, prepared for relaying: everything that is the same for each of its requests is worked out once per loop.
final class RoutePlan {
  let route: Route
  /// The Host field that the service sees; `nil`: the visitor's.
  let hostHeader: String?
  /// Names, folded, that never come through from a visitor (security rule 22).
  let removedNames: [[UInt8]]
  /// The fields that `set_request_headers` adds, ready to send.
  let addedRequestFields: HeaderList
  /// Names, folded, that `set_response_headers` replaces.
  let replacedResponseNames: [[UInt8]]
  let addedResponseFields: HeaderList
  /// Sent only where the service sent none of that kind.
  let defaultResponseFields: [(kind: KnownField, name: [UInt8], line: HeaderList)]
  /// The kinds of those, as bits; all bits where one of them has no kind of its own.
  let defaultResponseKinds: UInt64
  /// What is added to an answer that has none of them.
  let usualAdditions: [HeaderList]
  let claimHeaders: [(name: String, claim: String)]
  let routeIDText: String
  private var nextTarget = 0

  init(route: Route, configuration: HTTPProxyConfiguration) {
    self.route = route
    routeIDText = route.id.description
    let http = route.http
    hostHeader = http.preservesHostHeader ? nil : Self.hostHeader(of: route)
    var removed = configuration.claimHeaders.map { Self.folded($0.name) }
    removed += http.setRequestHeaders.map { Self.folded($0.name) }
    removed += http.removeRequestHeaders.map { Self.folded($0) }
    removedNames = removed
    addedRequestFields = HeaderList(http.setRequestHeaders.map { ($0.name, $0.value) })
    replacedResponseNames = http.setResponseHeaders.map { Self.folded($0.name) }
    addedResponseFields = HeaderList(http.setResponseHeaders.map { ($0.name, $0.value) })
    let replaced = replacedResponseNames
    defaultResponseFields = configuration.defaultResponseHeaders.compactMap { name, value in
      let folded = Self.folded(name)
      if replaced.contains(folded) { return nil }
      let line = HeaderList([(name, value)])
      return (line.fields.first?.kind ?? .other, folded, line)
    }
    defaultResponseKinds = defaultResponseFields.reduce(0) {
      $1.kind == .other ? .max : $0 | 1 << UInt64($1.kind.rawValue & 63)
    }
    let usual = HeaderList(
      http.setResponseHeaders.map { ($0.name, $0.value) }
        + configuration.defaultResponseHeaders.filter { !replaced.contains(Self.folded($0.name)) }
        .map { ($0.name, $0.value) })
    usualAdditions = usual.isEmpty ? [] : [usual]
    claimHeaders = http.passesIdentityHeaders ? configuration.claimHeaders : []
  }

  /// `to`, one after the other where there are several.
  func target() -> RouteTarget? {
    guard !route.targets.isEmpty else { return nil }
    defer { nextTarget = (nextTarget + 1) % route.targets.count }
    return route.targets[nextTarget % route.targets.count]
  }

  /// Upgrade tokens that may pass: `websocket`, and what the route lists (security rule 23).
  func allowsUpgrade(to token: String) -> Bool {
    if token == "websocket" { return route.http.allowsWebSockets }
    return token != "h2c" && route.http.allowedUpgrades.contains(token)
  }

  /// Product fine point 3.
  private static func hostHeader(of route: Route) -> String {
    guard let target = route.targets.first, target.host != "non-existent-route" else { return "localhost" }
    return target.portIsExplicit ? "\(target.host):\(target.port)" : target.host
  }

  static func folded(_ name: String) -> [UInt8] { name.utf8.map { ByteClass.folded($0) } }

  // MARK: Paths

  /// The target as the service sees it: `prefix_rewrite`, or the path of `to`, in place of what the route matched.
  func rewritten(_ target: String) -> String {
    let replacement: String
    if let rewrite = route.http.prefixRewrite {
      replacement = rewrite
    } else if let path = route.targets.first?.path, !path.isEmpty, path != "/" {
      replacement = path
    } else {
      return target
    }
    guard target.utf8.first == ByteClass.slash else { return target }
    let matched: Int
    switch route.path {
    case .any: matched = 1
    case .prefix(let prefix): matched = prefix.utf8.count
    case .exact(let path): matched = path.utf8.count
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
}
