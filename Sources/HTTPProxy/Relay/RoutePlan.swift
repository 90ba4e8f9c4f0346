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
  /// Its requests, counted.
  let tally: RequestTally
  /// Names, folded, of `rewrite_response_headers`.
  /// Of its services with TLS, once they are needed.
  var tlsContexts: (any: TLSClientContext?, http1: TLSClientContext?)
  /// Counts them where the route has limits.
  var gate: RequestGate?
  let responseRewrites: [(name: [UInt8], prefix: [UInt8], value: String)]
  /// Whose turn it is among several targets: each gains its weight in every round, and who has most goes.
  private var turns: [Int]

  init(route: Route, configuration: HTTPProxyConfiguration, tally: RequestTally) {
    self.route = route
    self.tally = tally
    routeIDText = route.id.description
    let http = route.http
    hostHeader = http.preservesHostHeader ? nil : http.hostRewrite ?? Self.hostHeader(of: route)
    responseRewrites = http.responseRewrites.map { (Self.folded($0.name), Array($0.prefix.utf8), $0.value) }
    turns = route.targets.map { _ in 0 }
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

  /// `to`; where there are several, by turns as their weights say, spread evenly.
  func target() -> RouteTarget? {
    guard route.targets.count > 1 else { return route.targets.first }
    var best = 0
    var total = 0
    for (index, target) in route.targets.enumerated() {
      turns[index] += target.weight
      total += target.weight
      if turns[index] > turns[best] { best = index }
    }
    turns[best] -= total
    return route.targets[best]
  }

  /// The Host field of a request to the service.
  func host(for head: RequestHead) -> String {
    if let name = route.http.hostRewriteHeader, let value = head.headers.first(name),
  func allowsUpgrades(_ tokens: [String]) -> Bool { !tokens.isEmpty && tokens.allSatisfy { allowsUpgrade(to: $0) } }

      let authority = Authority(Array(value.utf8))
    {
      return authority.text
    }
    return hostHeader ?? head.authority?.text ?? "localhost"
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
    if let rewrite = route.http.prefixRewrite { return replacingPrefix(of: target, with: rewrite) }
    guard let path = route.targets.first?.path, !path.isEmpty, path != "/" else { return target }
    return replacingPrefix(of: target, with: path)
  }

  func replacingPrefix(of target: String, with replacement: String) -> String {
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
