import EdgeConfig
import Foundation
import HTTPWire
import Policy
import Routing

/// A route that somebody asks about on the command line, and what of the request the URL says.
struct AskedRoute {
  struct Mistake: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
  }

  let route: Route
  let isPublishing: Bool
  /// Of a visit, without the query.
  let path: String
  /// The name that is to be published.
  let forwardedHost: ForwardedHost

  /// Of a route whose `from` is `ssh://…`, and not about publishing it: somebody signs in to a host.
  var isLogin: Bool { !isPublishing && route.origin.scheme == .ssh }

  /// What a name or a URL means: one route for a visit, and for publishing every route that a forward of it would mean.
  static func all(
    _ text: String, publish: Bool, path: String?, in configuration: EdgeConfiguration
  ) throws -> [AskedRoute] {
    let settings = try EdgeSettings.trial(configuration)
    let table = RouteTable(routes: settings.routes, generation: 1, reservedHosts: settings.reservedHosts)
    // As the edge does before it decides.
    let normalization = PathNormalization(configuration.listener.requests)
    if let named = settings.routes.first(where: { $0.id.rawValue == text || $0.name == text }) {
      let place = path.map { normalization.applied(to: $0) ?? $0 } ?? "/"
      let host = named.origin.host.name.map { ForwardedHost.name($0.text) } ?? .any
      return [AskedRoute(route: try checked(named, publish), isPublishing: publish, path: place, forwardedHost: host)]
    }
    let asked = try url(text)
    let place = normalization.applied(to: path ?? asked.path) ?? path ?? asked.path
    let found =
      publish
      ? table.tunnelRoutes(forward: ForwardName(host: asked.host, port: asked.forwardPort))
        .filter { $0.origin.scheme.matches(asked.scheme) }
      : try visited(asked, place, in: table)
    guard !found.isEmpty else { throw nothing(asked, publish, text, settings.routes) }
    let host = asked.name.map { ForwardedHost.name($0.text) } ?? .any
    return found.map { AskedRoute(route: $0, isPublishing: publish, path: place, forwardedHost: host) }
  }

  private static func visited(_ asked: Asked, _ path: String, in table: RouteTable) throws -> [Route] {
    if asked.scheme == "https", let name = asked.name {
      switch table.route(host: name, port: asked.port, path: path) {
      case .route(let match): return [match]
      case .noSuchPath: throw Mistake("no route of \(asked.host) has the path \(path)")
      default: return []
      }
    }
    // Of several the one whose name says most, as requests choose.
    let named = matching(asked, table.routes)
    return named.max { $0.origin.host.literalLength < $1.origin.host.literalLength }.map { [$0] } ?? []
  }

  private static func matching(_ asked: Asked, _ routes: [Route]) -> [Route] {
    routes.filter { route in
      route.origin.scheme.matches(asked.scheme) && asked.port.map { $0 == (route.origin.port ?? 443) } != false
        && (asked.name.map { route.origin.host.matches($0) } ?? (route.origin.host == asked.pattern))
    }
  }

  private static func nothing(_ asked: Asked, _ publish: Bool, _ text: String, _ routes: [Route]) -> Mistake {
    if publish, let first = matching(asked, routes).first, first.tunnel == nil { return withoutTunnel(first) }
    let known = routes.prefix(20).map(\.origin.url).joined(separator: ", ")
    return Mistake("no route is for \(text); there are \(known.isEmpty ? "none" : known)")
  }

  private static func withoutTunnel(_ route: Route) -> Mistake {
    Mistake("\(route.origin.url) has no `upstream_tunnel`: nobody can publish it")
  }

  private static func checked(_ route: Route, _ publish: Bool) throws -> Route {
    guard !publish || route.tunnel != nil else { throw withoutTunnel(route) }
    return route
  }

  private struct Asked {
    var scheme: String
    var host: String
    var port: Int?
    var path: String
    /// Nil for a wildcard.
    var name: HostName? { HostName(host) }
    var pattern: HostPattern? { HostPattern(host) }
    /// What a client writes behind `-R host:`.
    var forwardPort: Int { port ?? (scheme == "ssh" ? 22 : 443) }
  }

  /// `https://app.example.com/path`, `ssh://web1`, `https://*.example.com`, or a bare host.
  private static func url(_ text: String) throws -> Asked {
    let (scheme, rest) =
      text.range(of: "://").map { (text[..<$0.lowerBound], text[$0.upperBound...]) } ?? ("https", text[...])
    let end = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
    let authority = rest[..<end]
    let path = rest[end...].prefix { $0 != "?" && $0 != "#" }
    let parts = authority.split(separator: ":", omittingEmptySubsequences: false)
    guard ["https", "ssh", "tcp+https"].contains(scheme), (1...2).contains(parts.count), !parts[0].isEmpty,
      HostPattern(String(parts[0])) != nil
    else { throw Mistake("`\(text)` is neither the name or id of a route nor a URL as https://app.example.com") }
    guard parts.count == 1 || Int(parts[1]).map({ (1...65_535).contains($0) }) == true else {
      throw Mistake("`\(parts[1])` is no port")
    }
    return Asked(
      scheme: String(scheme), host: String(parts[0]), port: parts.count > 1 ? Int(parts[1]) : nil,
      path: path.isEmpty ? "/" : String(path))
  }
}

extension RouteOrigin.Scheme {
  fileprivate func matches(_ written: String) -> Bool {
    switch self {
    case .ssh: written == "ssh"
    case .tcp: written == "tcp+https"
    default: written == "https" && isWeb
    }
  }
}

extension PathNormalization {
  fileprivate init(_ requests: RequestReadingConfiguration) {
    self.init()
    unescapesSlashes = requests.escapedSlashes == .forward
    resolvesDots = requests.normalizesPath
    mergesSlashes = requests.mergesSlashes
  }
}
