internal import Policy

extension RouteReader {
  func from() -> RouteFrom? {
    guard let setting = section.setting("from"), let text = section.text("from") else {
      if !section.isWritten("from") {
        findings.error(section.place, "a route without `from`", "as `from: https://app.example.com`")
      }
      return nil
    }
    let url: URLText
    do throws(URLText.Failure) {
      url = try URLText(text)
    } catch {
      let (message, suggestion) = error.words(for: text)
      section.error(setting, message, suggestion)
      return nil
    }
    guard let scheme = scheme(url.scheme, setting) else { return nil }
    guard isRouteHost(url.host) else {
      section.error(
        setting, "`\(url.host)` is no host name",
        asciiHint(url.host)
          ?? (url.host.contains("*")
            ? "one `*` may stand in the first label, and a name must follow: https://*.example.com" : nil))
      return nil
    }
    if url.hasUserInfo || url.hasMore || !(url.path.isEmpty || url.path == "/") {
      section.error(
        setting, "expected scheme, host and port only",
        url.path.count > 1 ? "write the path as `prefix` or `path`" : nil)
      return nil
    }
    if scheme == .tcp, url.port == nil {
      section.error(setting, "a TCP route needs a port", "as tcp+https://\(url.host):5432")
      return nil
    }
    return RouteFrom(scheme: scheme, host: url.host, port: url.port)
  }

  private func scheme(_ text: String, _ setting: Setting) -> RouteFrom.Scheme? {
    switch text {
    case "https": return .https
    case "http":
      findings.warning(setting.place, "`from` begins with http://: the route is served by HTTPS", "write https://")
      return .https
    case "ssh":
      findings.warning(
        setting.place, "tunnels bind to ssh routes, but nobody reaches them: they are served by a later version")
      return .ssh
    case "tcp+https":
      findings.warning(
        setting.place, "tunnels bind to TCP routes, but nobody reaches them: they are served by a later version")
      return .tcp
    case "udp+https":
      section.error(setting, "UDP routes are not supported in this version")
    case "tcp", "udp":
      section.error(setting, "`\(text)` is no scheme of `from`", "did you mean `\(text)+https`?")
    default:
      section.error(setting, "`\(text)` is no scheme of `from`", "https, ssh and tcp+https are")
    }
    return nil
  }

  /// A name, or a wildcard with one `*` in its first label and at least one label after it.
  private func isRouteHost(_ host: String) -> Bool {
    guard host.contains("*") else { return isHostName(host) && IPAddress(host) == nil }
    let labels = host.split(separator: ".", omittingEmptySubsequences: false)
    guard let first = labels.first, labels.count > 1, first.filter({ $0 == "*" }).count == 1 else { return false }
    return isHostName(host.replacing("*", with: "x", maxReplacements: 1))
  }

  func targets(of from: RouteFrom?, isTunnel: Bool) -> [RouteTo] {
    guard let setting = section.setting("to") else {
      let others = ["redirect", "response"].contains { section.isWritten($0) }
      if !isTunnel, !others {
        findings.error(
          section.place, "a route without `to`", "as `to: http://localhost:3000`, or `upstream_tunnel` for ssh -R")
      }
      return []
    }
    let texts = setting.node.text.map { [($0, setting.place)] } ?? section.texts("to").map { ($0.text, $0.place) }
    var targets = texts.compactMap { target($0.0, $0.1, of: from, isTunnel: isTunnel) }
    if texts.isEmpty, setting.node.sequence != nil { section.error(setting, "the list is empty") }
    if targets.contains(where: { $0.weight > 0 }), targets.contains(where: { $0.weight == 0 }) {
      section.error(setting, "some targets have a weight and some have none", "write one behind each: http://a:8080,3")
    }
    if targets.count > 1, from?.scheme == .ssh || from?.scheme == .tcp && targets.contains(where: { $0.scheme != .tcp })
    {
      section.error(setting, "an ssh route has exactly one `to`")
    }
    for index in targets.indices where targets[index].weight == 0 { targets[index].weight = 1 }
    return targets
  }

  private func target(_ text: String, _ place: Place, of from: RouteFrom?, isTunnel: Bool) -> RouteTo? {
    var text = text
    var weight: Int?
    if let comma = text.lastIndex(of: ","), case let digits = text[comma...].dropFirst(), digits.allSatisfy(\.isNumber)
    {
      guard let number = Int(digits), (1...1000).contains(number) else {
        findings.error(place, "`to`: a weight is a number from 1 to 1000", "as \(text[..<comma]),3")
        return nil
      }
      weight = number
      text = String(text[..<comma])
    }
    let url: URLText
    do throws(URLText.Failure) {
      url = try URLText(text)
    } catch {
      let (message, _) = error.words(for: text)
      findings.error(place, "`to`: \(message)", error == .noScheme ? "did you mean `http://\(text)`?" : nil)
      return nil
    }
    guard let scheme = targetScheme(url, place, of: from) else { return nil }
    guard isHostName(url.host, allowsUnderscore: true) || IPAddress(url.host) != nil else {
      findings.error(place, "`to`: `\(url.host)` is no host name", asciiHint(url.host))
      return nil
    }
    if url.hasUserInfo || url.hasMore {
      findings.error(place, "`to`: expected scheme, host, port and path only")
      return nil
    }
    guard let port = url.port ?? usualPorts[url.scheme] else {
      findings.error(place, "`to`: a port is missing", "as \(url.scheme)://\(url.host):5432")
      return nil
    }
    let path = url.path == "/" ? "" : url.path
    if !path.isEmpty, scheme == .ssh || scheme == .tcp {
      findings.error(place, "`to`: a path means nothing to \(scheme.rawValue)")
      return nil
    }
    return RouteTo(
      scheme: scheme, host: url.host, port: port, portIsExplicit: url.port != nil, path: path, weight: weight ?? 0)
  }

  /// Only what `from` can carry.
  private func targetScheme(_ url: URLText, _ place: Place, of from: RouteFrom?) -> RouteTo.Scheme? {
    let possible: [RouteTo.Scheme] =
      switch from?.scheme {
      case .https: [.http, .https, .h2c]
      case .ssh: [.ssh]
      case .tcp: [.tcp]
      case nil: [.http, .https, .h2c, .ssh, .tcp]
      }
    if let scheme = RouteTo.Scheme(rawValue: url.scheme), possible.contains(scheme) { return scheme }
    switch url.scheme {
    case "unix", "http+unix", "https+unix", "udp":
      findings.error(place, "`to`: `\(url.scheme)` is not supported in this version")
    default:
      let list = possible.map(\.rawValue).joined(separator: " or ")
      findings.error(place, "`to`: `\(url.scheme)` does not go with this `from`", "expected \(list)")
    }
    return nil
  }
}
