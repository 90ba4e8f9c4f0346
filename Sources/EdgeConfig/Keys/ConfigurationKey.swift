/// One key of the configuration: the single source for validation, environment names, hints, `check` and the documentation.
package struct ConfigurationKey: Sendable {
  package enum Scope: Sendable {
    /// At the top of the file.
    case global
    /// In an entry of `routes`.
    case route
    /// In `runtime_flags`.
    case runtimeFlag
  }

  package enum Kind: Sendable, Equatable {
    case text
    case flag
    case number
    case duration
    case url
    /// `host:port` to listen on.
    case address
    /// Base64 of 32 bytes.
    case key32
    case pem
    case path
    case list
    /// Names with texts.
    case map
    case listOrMap
    case textOrList
    case object
    case policy
    case routes
    case choice([String])
  }

  package enum Status: Sendable, Equatable {
    case supported
    /// Only tunes what this product does not have: a warning.
    case noEffect(String)
    /// Would change who may do what, or what is served: an error.
    case notYet(String)
    /// Announced, and nothing is lost without it: a warning.
    case later(String)
    /// An error that says what to write instead.
    case removed(String)
  }

  package var scope: Scope
  /// Nested names are joined by dots: `downstream_mtls.ca`.
  package var name: String
  package var kind: Kind
  /// As it would be written; empty when there is none.
  package var defaultText: String
  package var isSecret: Bool
  package var status: Status
  package var meaning: String

  init(
    _ scope: Scope, _ name: String, _ kind: Kind, default defaultText: String = "", secret: Bool = false,
    _ status: Status,
    _ meaning: String
  ) {
    self.scope = scope
    self.name = name
    self.kind = kind
    self.defaultText = defaultText
    isSecret = secret
    self.status = status
    self.meaning = meaning
  }

  init(
    _ scope: Scope, _ name: String, _ kind: Kind, default defaultText: String = "", secret: Bool = false,
    _ meaning: String
  ) {
    self.init(scope, name, kind, default: defaultText, secret: secret, .supported, meaning)
  }

  /// The environment variable that overrides it; routes have none of their own.
  package var environmentName: String? {
    let upper = String(name.map { $0 == "." ? "_" : $0 }).uppercased()
    switch scope {
    case .global: return upper
    case .runtimeFlag: return "RUNTIME_FLAGS_" + upper
    case .route: return nil
    }
  }

  /// All keys, in the order of the documentation.
  package static let all: [ConfigurationKey] =
    listenerKeys + identityKeys + certificateKeys + sshKeys + storageKeys + observabilityKeys + tuningKeys
    + runtimeFlagKeys + routeKeys + routeTuningKeys

  static let global = index(.global)
  static let route = index(.route)
  static let runtimeFlag = index(.runtimeFlag)

  private static func index(_ scope: Scope) -> [String: ConfigurationKey] {
    Dictionary(all.filter { $0.scope == scope }.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
  }
}
