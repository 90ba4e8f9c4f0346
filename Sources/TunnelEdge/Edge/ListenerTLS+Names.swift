import EdgeConfig
import EdgeCrypto

extension ListenerTLS {
  /// How many names a warning lists.
  private static let listed = 5

  /// What visitors type, each once.
  static func servedNames(_ configuration: EdgeConfiguration) -> [String] {
    let routes = configuration.routes.lazy.filter { $0.from.scheme == .https }
    return ([configuration.authenticateURL.host] + routes.map(\.from.host)).reduce(into: []) { names, host in
      if !names.contains(host) { names.append(host) }
    }
  }

  /// Those of the names that no certificate is for: browsers refuse what their visitors get instead.
  static func uncovered(_ names: [String], by context: TLSServerContext) -> [String] {
    names.filter { isName($0) && !covers(context, $0) }
  }

  static func warning(uncovered names: [String]) -> String? {
    guard !names.isEmpty else { return nil }
    let more = names.count > listed ? " and \(names.count - listed) more" : ""
    return "no certificate is for \(names.prefix(listed).joined(separator: ", "))\(more): "
      + "browsers refuse what their visitors get instead; add one to `certificates`"
  }

  /// A wildcard route is covered by a wildcard certificate of the same name.
  private static func covers(_ context: TLSServerContext, _ host: String) -> Bool {
    let name = host.replacing("*", with: "x")
    let certified = context.identity(for: name).leaf.dnsNames
    let parent = name.drop { $0 != "." }
    return certified.contains(name) && !host.contains("*") || certified.contains("*\(parent)")
  }

  private static func isName(_ host: String) -> Bool {
    host != "localhost" && !host.contains(":") && host.contains { $0.isLetter }
  }
}
