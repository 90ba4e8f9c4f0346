internal import Policy

/// A value that was written, in the file or in the environment.
struct Setting {
  var key: ConfigurationKey
  var node: YAMLNode
  /// Of the value.
  var place: Place
  var isFromEnvironment: Bool
}

/// One object of the configuration, read by the table of keys: what is not in the table, or not supported, is reported once, here.
final class Section {
  let scope: ConfigurationKey.Scope
  let context: ReadingContext
  /// Where the object begins.
  let place: Place
  private var settings: [String: Setting] = [:]
  /// Names that readers asked for; a test holds them against the table.
  private(set) var asked: Set<String> = []
  /// Runtime flags that the environment sets.
  var flagOverrides: [Setting] = []

  private let keys: [String: ConfigurationKey]

  init(_ scope: ConfigurationKey.Scope, _ entries: [YAMLEntry], at place: Place, _ context: ReadingContext) {
    self.scope = scope
    self.context = context
    self.place = place
    keys =
      switch scope {
      case .global: ConfigurationKey.global
      case .route: ConfigurationKey.route
      case .runtimeFlag: ConfigurationKey.runtimeFlag
      }
    add(entries, prefix: "")
  }

  private func add(_ entries: [YAMLEntry], prefix: String) {
    for entry in entries {
      let name = prefix + entry.key
      let keyPlace = Place(source: place.source, position: entry.keyPosition)
      guard let key = keys[name] else {
        reportUnknown(entry.key, prefix: prefix, at: keyPlace)
        continue
      }
      let valuePlace = Place(source: place.source, position: entry.value.position)
      take(Setting(key: key, node: entry.value, place: valuePlace, isFromEnvironment: false), named: keyPlace)
    }
  }

  /// Puts a value of the environment before that of the file.
  func override(_ setting: Setting) { take(setting, named: setting.place) }

  private func take(_ setting: Setting, named keyPlace: Place) {
    let key = setting.key
    if key.status == .supported {
      if setting.node.isNull, key.kind != .object, key.kind != .routes {
        context.findings.warning(keyPlace, "`\(key.name)` has no value: it counts as not written")
        return
      }
      settings[key.name] = setting
      if key.kind == .object, let entries = setting.node.mapping { add(entries, prefix: key.name + ".") }
    } else if !setting.node.isNull, !saysTheDefault(setting) {
      report(key, at: keyPlace)
      settings[key.name] = setting
    }
  }

  private func saysTheDefault(_ setting: Setting) -> Bool {
    let preset = setting.key.defaultText
    guard !preset.isEmpty, let text = setting.node.text else { return false }
    return text.lowercased() == preset.lowercased()
  }

  private func report(_ key: ConfigurationKey, at place: Place) {
    let findings = context.findings
    switch key.status {
    case .supported: break
    case .noEffect(let why): findings.warning(place, "`\(key.name)` has no effect here", why)
    case .later(let why): findings.warning(place, "`\(key.name)` has no effect in this version", why)
    case .notYet(let why): findings.error(place, "`\(key.name)` is not supported", why)
    case .removed(let why): findings.error(place, "`\(key.name)` was removed", why)
    }
  }

  private func reportUnknown(_ name: String, prefix: String, at place: Place) {
    let candidates = keys.values.filter { $0.name.hasPrefix(prefix) && $0.status.isWorthSuggesting }
    let names = candidates.map { String($0.name.dropFirst(prefix.count)) }.filter { !$0.contains(".") }.sorted()
    let what = scope == .runtimeFlag ? "runtime flag" : "key"
    var suggestion = nearestName(to: name, among: names).map { "did you mean `\($0)`?" }
    if suggestion == nil { suggestion = elsewhere(name) }
    context.findings.warning(place, "unknown \(what) `\(name)`: it has no effect", suggestion)
  }

  /// A key of another place, put here by a wrong indentation.
  private func elsewhere(_ name: String) -> String? {
    if scope != .global, ConfigurationKey.global[name]?.status == .supported {
      return "it belongs at the top of the file"
    }
    if scope != .route, ConfigurationKey.route[name]?.status == .supported { return "it belongs into a route" }
    if scope != .runtimeFlag, ConfigurationKey.runtimeFlag[name] != nil { return "it belongs into `runtime_flags`" }
    return nil
  }

  /// What was written for a key; `nil` when nothing was.
  func setting(_ name: String) -> Setting? {
    asked.insert(name)
    return settings[name]
  }

  /// What stands in the table for a key that was not written.
  func preset(_ name: String) -> String? {
    guard let text = keys[name]?.defaultText, !text.isEmpty else { return nil }
    return text
  }

  func isWritten(_ name: String) -> Bool { setting(name) != nil }
}

extension ConfigurationKey.Status {
  fileprivate var isWorthSuggesting: Bool {
    switch self {
    case .supported, .later, .notYet: true
    case .noEffect, .removed: false
    }
  }
}
