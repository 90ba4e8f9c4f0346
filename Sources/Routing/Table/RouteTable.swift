import Patterns

/// All routes of one configuration: an immutable snapshot, shared by all loops.
package struct RouteTable: Sendable {
  /// Grows with every change; what was decided under an older one is decided again (security rule 28).
  package let generation: UInt64
  /// In configuration order.
  package let routes: [Route]
  /// Names that no route and no wildcard may take: the authenticate, ssh and metrics hosts (security rule 3).
  package let reservedHosts: Set<HostName>

  private let exact: [HostName: [Route]]
  /// Longest first, then in configuration order.
  private let wildcards: [(pattern: HostPattern, routes: [Route])]

  package init(routes: [Route], generation: UInt64, reservedHosts: Set<HostName> = []) {
    self.generation = generation
    self.routes = routes
    self.reservedHosts = reservedHosts
    var exact: [HostName: [Route]] = [:]
    var patterns: [HostPattern] = []
    var byPattern: [HostPattern: [Route]] = [:]
    for route in routes where route.origin.scheme.isWeb {
      if let name = route.origin.host.name {
        exact[name, default: []].append(route)
      } else {
        if byPattern[route.origin.host] == nil { patterns.append(route.origin.host) }
        byPattern[route.origin.host, default: []].append(route)
      }
    }
    self.exact = exact.mapValues { Self.ordered($0) }
    wildcards = patterns.enumerated()
      .sorted {
        ($0.element.literalLength, -$0.offset) > ($1.element.literalLength, -$1.offset)
      }
      .map { ($0.element, Self.ordered(byPattern[$0.element] ?? [])) }
  }

  /// In configuration order, but for `regex_priority_order`: the routes with a pattern share their places out by priority.
  private static func ordered(_ routes: [Route]) -> [Route] {
    let places = routes.indices.filter { routes[$0].path.priority != nil }
    let sorted = places.sorted {
      (routes[$0].path.priority ?? .min, $1) > (routes[$1].path.priority ?? .min, $0)
    }
    var ordered = routes
    for (place, source) in zip(places, sorted) { ordered[place] = routes[source] }
    return ordered
  }

  /// Which route serves a request. `port` is the one the visitor named (`Host`), `path` the raw one without query.
  /// With `reading`, the path and what routes say about paths are both read that way first.
  package func route(
    host: HostName, port: Int?, path: String, reading: (String) -> String = { $0 }
  ) -> RouteMatch {
    let candidates = webRoutes(host: host, port: port)
    if candidates.isEmpty { return .noSuchHost }
    let path = reading(path)
    for route in candidates where route.path.read(reading).matches(path) { return .route(route) }
    return .noSuchPath
  }

  /// Whether any web route answers to this name, at whatever port.
  package func servesHost(_ host: HostName) -> Bool {
    if reservedHosts.contains(host) { return false }
    return exact[host] != nil || wildcards.contains { $0.pattern.matches(host) }
  }

  package func route(id: RouteID) -> Route? { routes.first { $0.id == id } }

  /// The routes that compete for a request to this host and port, in configuration order: those of the exact host,
  /// else those of the longest wildcard.
  private func webRoutes(host: HostName, port: Int?) -> [Route] {
    if reservedHosts.contains(host) { return [] }
    if let routes = exact[host] {
      let open = routes.allSatisfy { $0.origin.port == nil } ? routes : routes.filter { $0.origin.accepts(port: port) }
      if !open.isEmpty { return open }
    }
    for (pattern, routes) in wildcards where pattern.matches(host) {
      let open = routes.filter { $0.origin.accepts(port: port) }
      if !open.isEmpty { return open }
    }
    return []
  }
}

// MARK: - Forwards

extension RouteTable {
  /// The tunnel routes that a `tcpip-forward` names. Only routes that a visitor's request to the same host could reach
  /// are among them (security rule 3). For a forward without a host these are the candidates: whoever decides must
  /// find exactly one that the person may publish (security rule 4).
  package func tunnelRoutes(forward: ForwardName) -> [Route] {
    switch forward.meaning {
    case .invalid: return []
    case .unnamed:
      guard forward.requestedPort == 443 else { return [] }
      return routes.filter {
        $0.tunnel != nil && !$0.isPublic && $0.origin.scheme.isWeb && $0.origin.host.name.map(isFree) == true
      }
    case .dynamic(let glob):
      if let host = glob.name { return namedTunnelRoutes(host, port: nil) }
      return routes.filter {
        $0.tunnel != nil && $0.origin.scheme != .udp && $0.origin.host.name.map(isFree) != false
          && glob.matches($0.origin.host.description)
      }
    case .wildcard(let pattern):
      return routes.filter {
        $0.tunnel != nil && $0.origin.host == pattern && $0.origin.isNamed(byForwardPort: forward.requestedPort)
      }
    case .host(let host): return namedTunnelRoutes(host, port: forward.requestedPort)
    }
  }

  /// The tunnel routes that answer to this name, at the port the forward names; at any without one.
  private func namedTunnelRoutes(_ host: HostName, port: Int?) -> [Route] {
    if reservedHosts.contains(host) { return [] }
    return webTunnelRoutes(host: host, port: port) + otherTunnelRoutes(host: host, port: port)
  }

  private func isFree(_ host: HostName) -> Bool { !reservedHosts.contains(host) }

  /// The winners of requests to `host`, at every port that leads to one of its routes, as far as the forward names them.
  private func webTunnelRoutes(host: HostName, port: Int?) -> [Route] {
    let matching = routes.filter { $0.origin.scheme.isWeb && $0.origin.host.matches(host) }
    var winners: [RouteID: Route] = [:]
    for visited in Set(matching.map(\.origin.port)).union([443]) {
      for route in webRoutes(host: host, port: visited) where port.map(route.origin.isNamed) != false {
        winners[route.id] = route
      }
    }
    return matching.filter { $0.tunnel != nil && winners[$0.id] != nil }
  }

  /// ssh and TCP routes: those of the exact host, else those of the longest wildcard, at each port.
  private func otherTunnelRoutes(host: HostName, port: Int?) -> [Route] {
    let matching = routes.filter {
      ($0.origin.scheme == .ssh || $0.origin.scheme == .tcp) && $0.origin.host.matches(host)
    }
    return matching.filter { route in
      guard route.tunnel != nil, port.map(route.origin.isNamed) != false else { return false }
      return !matching.contains {
        $0.origin.scheme == route.origin.scheme && $0.origin.port == route.origin.port
          && $0.origin.host.literalLength > route.origin.host.literalLength
      }
    }
  }
}

/// The answer to "who serves this request?".
package enum RouteMatch: Sendable, Equatable {
  case route(Route)
  case noSuchHost
  /// The host is served, but not this path.
  case noSuchPath
}

extension RouteOrigin {
  /// Whether a request whose `Host` names this port (or none) is for this route.
  func accepts(port visited: Int?) -> Bool { port == nil || port == (visited ?? 443) }

  /// 443 means https routes, 22 ssh routes, and the port in `from` always names its route.
  func isNamed(byForwardPort forwarded: Int) -> Bool {
    switch scheme {
    case .https, .http: forwarded == 443 || forwarded == port
    case .ssh: forwarded == 22 || forwarded == port
    case .tcp: forwarded == port
    case .udp: false
    }
  }
}

extension PathMatch {
  fileprivate func read(_ reading: (String) -> String) -> PathMatch {
    switch self {
    case .any: .any
    case .prefix(let prefix): .prefix(reading(prefix))
    case .exact(let exact): .exact(reading(exact))
    case .pattern: self
    }
  }

  /// Of a pattern; the least where none is written, `nil` for all other matches.
  fileprivate var priority: Int? {
    if case .pattern(_, let priority) = self { return priority ?? .min }
    return nil
  }

  /// Compares bytes, not characters: canonically equivalent spellings are different paths.
  package func matches(_ path: String) -> Bool {
    switch self {
    case .any: true
    case .prefix(let prefix): path.utf8.starts(with: prefix.utf8)
    case .exact(let exact): path.utf8.elementsEqual(exact.utf8)
    case .pattern(let pattern, _): pattern.matches(path)
    }
  }
}
