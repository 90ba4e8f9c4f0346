extension ConfigurationKey {
  /// The tables of `docs/configuration.md`.
  package static var markdown: String {
    var text = ""
    let sections: [(String, Scope)] = [
      ("Keys at the top of the file", .global), ("Keys of `runtime_flags`", .runtimeFlag), ("Keys of a route", .route),
    ]
    for (title, scope) in sections {
      let keys = all.filter { $0.scope == scope }
      text += "## \(title)\n\n"
      text += table(keys.filter { $0.status == .supported }, hasEnvironment: scope != .route)
      text += "\n### Known, but without effect or refused\n\n"
      text += "| key | what happens | why |\n|---|---|---|\n"
      for key in keys where key.status != .supported {
        text += "| `\(key.name)` | \(key.status.consequence) | \(key.status.reason) |\n"
      }
      text += "\n"
    }
    return text
  }

  private static func table(_ keys: [ConfigurationKey], hasEnvironment: Bool) -> String {
    var text =
      hasEnvironment
      ? "| key | environment | kind | default | meaning |\n|---|---|---|---|---|\n"
      : "| key | kind | default | meaning |\n|---|---|---|---|\n"
    for key in keys {
      let environment = hasEnvironment ? " `\(key.environmentName ?? "")` |" : ""
      let preset = key.defaultText.isEmpty ? "" : "`\(key.defaultText)`"
      let secret = key.isSecret ? ", secret" : ""
      text += "| `\(key.name)` |\(environment) \(key.kind.words)\(secret) | \(preset) | \(key.meaning) |\n"
    }
    return text
  }
}

extension ConfigurationKey.Kind {
  /// For tables and messages.
  var words: String {
    switch self {
    case .text: "text"
    case .flag: "true or false"
    case .number: "number"
    case .duration: "duration"
    case .url: "URL"
    case .address: "host:port"
    case .key32: "base64 of 32 bytes"
    case .pem: "PEM"
    case .path: "path"
    case .list: "list"
    case .map: "names with values"
    case .listOrMap: "list, or names with values"
    case .textOrList: "text or list"
    case .object: "object"
    case .policy: "policy"
    case .routes: "list of routes"
    case .choice(let choices): choices.map { "`\($0)`" }.joined(separator: ", ")
    }
  }
}

extension ConfigurationKey.Status {
  var consequence: String {
    switch self {
    case .supported: "works"
    case .noEffect, .later: "warning"
    case .notYet, .removed: "error"
    }
  }

  var reason: String {
    switch self {
    case .supported: ""
    case .noEffect(let why), .notYet(let why), .later(let why), .removed(let why): why
    }
  }
}
