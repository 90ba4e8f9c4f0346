import Policy
import Routing

/// A route that somebody may publish, and under which names.
struct PublishableRoute: Sendable {
  let route: Route
  /// Never empty. Under a wildcard the names that are left to this person, as exactly as the policy says it:
  /// `*.alice.dev.example.com` rather than `*.dev.example.com`.
  let hosts: [String]

  /// What to publish, for people: hosts of web routes, and URLs of others.
  var names: [String] { hosts.map { route.origin.scheme.isWeb ? $0 : url(of: $0) } }

  func url(of host: String) -> String {
    HostPattern(host).map { RouteOrigin(scheme: route.origin.scheme, host: $0, port: route.origin.port).url }
      ?? route.origin.url
  }

  /// What is written before the local address in `-R`.
  func forward(_ host: String) -> String {
    "\(host):\(route.origin.port ?? (route.origin.scheme == .ssh ? 22 : 443))"
  }
}

extension Publisher {
  /// The names this person may publish on a route, in the words of its policy.
  func hosts(on route: Route, now: UnixTime) -> [String] {
    let host = route.origin.host
    guard host.isWildcard else {
      return decide(route, .name(host.description), now: now).isAllowed ? [host.description] : []
    }
    guard decide(route, .any, now: now).isAllowed else { return [] }
    if let listed = subject.publishableHosts {
      return listed.filter { isFree($0, host) && decide(route, .name($0), now: now).isAllowed }.sorted()
    }
    guard let patterns = route.tunnel?.publishPolicy.forwardHosts(of: subject), !mayHaveAny(of: route, now: now) else {
      return [host.description]
    }
    return patterns.filter { pattern in
      let example = pattern.replacing("*", with: Self.example)
      return isFree(example, host) && decide(route, .name(example), now: now).isAllowed
    }
  }

  /// Stands for whatever a person might choose.
  private static let example = "x7"

  /// A name that no pattern means.
  private func mayHaveAny(of route: Route, now: UnixTime) -> Bool {
    let any = route.origin.host.description.replacing("*", with: "q3-any-name-x7")
    return decide(route, .name(any), now: now).isAllowed
  }

  private func isFree(_ text: String, _ host: HostPattern) -> Bool { HostName(text).map(host.matches) ?? false }
}
