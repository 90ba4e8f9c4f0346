internal import Policy

extension Section {
  /// Overrides: every key has a variable, its name in upper case, nested names joined by `_`.
  func readEnvironment(_ environment: [String: String]) {
    for key in ConfigurationKey.all where key.scope != .route {
      // `HEADERS` kept its meaning when `headers` was renamed.
      if key.name == "headers" { continue }
      let names = [key.environmentName, key.name == "set_response_headers" ? "HEADERS" : nil].compactMap { $0 }
      guard let name = names.first(where: { environment[$0]?.isEmpty == false }), let text = environment[name] else {
        continue
      }
      let place = Place(source: "environment variable \(name)", position: .none)
      guard let node = environmentNode(text, key.kind, place) else { continue }
      let setting = Setting(key: key, node: node, place: place, isFromEnvironment: true)
      if key.scope == .global { override(setting) } else { flagOverrides.append(setting) }
    }
  }

  func environmentNode(_ text: String, _ kind: ConfigurationKey.Kind, _ place: Place) -> YAMLNode? {
    switch kind {
    case .routes: return encodedDocument(text, place)
    case .object, .policy: return document(text, place)
    case .list, .textOrList:
      return looksStructured(text) ? document(text, place) : list(text.split(separator: ","))
    case .map, .listOrMap:
      if looksStructured(text) { return document(text, place) }
      let items = text.split(separator: ",")
      if kind == .listOrMap, !items.contains(where: { $0.contains(":") }) { return list(items) }
      return map(items, place)
    case .text, .flag, .number, .duration, .url, .address, .key32, .pem, .path, .choice:
      return YAMLNode(.scalar(YAMLScalar(text: text, isPlain: false)), at: .none)
    }
  }

  private func looksStructured(_ text: String) -> Bool {
    let first = text.first { !$0.isWhitespace }
    return first == "[" || first == "{" || text.contains("\n")
  }

  private func list(_ items: [Substring]) -> YAMLNode {
    YAMLNode(.sequence(items.map { scalar($0.trimmingBlanks) }), at: .none)
  }

  private func scalar(_ text: String) -> YAMLNode {
    YAMLNode(.scalar(YAMLScalar(text: text, isPlain: false)), at: .none)
  }

  private func map(_ items: [Substring], _ place: Place) -> YAMLNode? {
    var entries: [YAMLEntry] = []
    for item in items {
      guard let colon = item.firstIndex(of: ":") else {
        findings.error(place, "`\(item)` has no value", "as `name:value,name:value`, or a JSON object")
        return nil
      }
      entries.append(
        YAMLEntry(
          key: item[..<colon].trimmingBlanks, keyPosition: .none,
          value: scalar(item[item.index(after: colon)...].trimmingBlanks)))
    }
    return YAMLNode(.mapping(entries), at: .none)
  }

  /// Base64 of YAML, as the reference wants it for routes; plain YAML is taken, too.
  private func encodedDocument(_ text: String, _ place: Place) -> YAMLNode? {
    if let bytes = decodeBase64(text.filter { !$0.isWhitespace }),
      let decoded = String(validating: bytes, as: UTF8.self)
    {
      return document(decoded, place)
    }
    guard looksStructured(text) || text.hasPrefix("- ") else {
      findings.error(place, "not base64", "encode the list of routes: base64 -w0 routes.yaml")
      return nil
    }
    return document(text, place)
  }

  private func document(_ text: String, _ place: Place) -> YAMLNode? {
    let document = YAMLDocument(parsing: Array(text.utf8))
    for problem in document.problems {
      findings.error(Place(source: place.source, position: problem.position), problem.message, problem.suggestion)
    }
    return document.problems.isEmpty ? document.root : nil
  }
}
