/// Where the configuration file is, when the command line does not say.
enum ConfigurationPath {
  static let environmentName = "TUNNEL_EDGE_CONFIG"
  static let usual = ["config.yaml", "/etc/tunnel-edge/config.yaml", "/pomerium/config.yaml"]

  struct NotFound: Error, CustomStringConvertible {
    var description: String {
      """
      no configuration file: pass --config FILE, set \(environmentName), or write one of \(usual.joined(separator: ", ")).
      To see an edge at work without writing any, run: tunnel-edge demo
      """
    }
  }

  static func find(option: String?, environment: [String: String]) throws(NotFound) -> String {
    if let option { return option }
    if let named = environment[environmentName], !named.isEmpty { return named }
    guard let found = usual.first(where: FileAccess.exists) else { throw NotFound() }
    return found
  }
}
