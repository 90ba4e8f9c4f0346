import EdgeConfig
import Foundation
import HTTPWire
import Policy
import Routing

/// The route that somebody asks about on the command line, and what of the request the URL says.
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
  /// Visitors' certificates are looked at (`downstream_mtls`).
  let asksForCertificates: Bool

  init(_ text: String, publish: Bool, path: String?, in configuration: EdgeConfiguration) throws {
    let settings = try EdgeSettings.trial(configuration)
    let table = RouteTable(routes: settings.routes, generation: 1, reservedHosts: settings.reservedHosts)
    asksForCertificates = configuration.listener.clientCertificates != nil
    isPublishing = publish
    // As the edge does before it decides.
    let normalization = PathNormalization(configuration.listener.requests)
    if let named = settings.routes.first(where: { $0.id.rawValue == text || $0.name == text }) {
      self.path = path.map { normalization.applied(to: $0) ?? $0 } ?? "/"
      route = try Self.checked(named, publish)
      forwardedHost = named.origin.host.name.map { .name($0.text) } ?? .any
      return
    }
    let asked = try Self.url(text)
    let place = normalization.applied(to: path ?? asked.path) ?? path ?? asked.path
    self.path = place
    let scheme = asked.scheme
    let web = asked.name.map { table.route(host: $0, port: asked.port, path: place) }
    if scheme == "https", !publish, case .route(let match)? = web {
      route = match
      forwardedHost = .any
      return
    }
    forwardedHost = asked.name.map { .name($0.text) } ?? .any
    let named = settings.routes.filter { route in
      route.origin.scheme.matches(scheme) && asked.port.map { $0 == (route.origin.port ?? 443) } != false
        && (asked.name.map { route.origin.host.matches($0) } ?? (route.origin.host == asked.pattern))
    }
    // Of several the one whose name says most, as visitors' requests and forwards choose.
    let best = named.filter { !publish || $0.tunnel != nil }.max {
      $0.origin.host.literalLength < $1.origin.host.literalLength
    }
    guard let match = best ?? named.first else {
      if case .noSuchPath? = web, !publish { throw Mistake("no route of \(asked.host) has the path \(place)") }
      let known = settings.routes.prefix(20).map(\.origin.url).joined(separator: ", ")
      throw Mistake("no route is for \(text); there are \(known.isEmpty ? "none" : known)")
    }
    route = try Self.checked(match, publish)
  }

  private static func checked(_ route: Route, _ publish: Bool) throws -> Route {
    guard !publish || route.tunnel != nil else {
      throw Mistake("\(route.origin.url) has no `upstream_tunnel`: nobody can publish it")
    }
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
