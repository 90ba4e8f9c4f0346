internal import Policy

extension Section {
  var findings: Findings { context.findings }

  func error(_ setting: Setting, _ message: String, _ suggestion: String? = nil) {
    findings.error(setting.place, "`\(setting.key.name)`: \(message)", suggestion)
  }

  /// A scalar as it was written, else the default.
  func text(_ name: String) -> String? {
    guard let setting = setting(name) else { return preset(name) }
    guard let text = setting.node.text else {
      error(setting, "expected \(setting.key.kind.words), not \(setting.node.kind)")
      return nil
    }
    return text
  }

  func flag(_ name: String) -> Bool? {
    guard let setting = setting(name) else { return preset(name).map { $0 == "true" } }
    switch setting.node.text {
    case "true", "True", "TRUE", "t", "T", "1": return true
    case "false", "False", "FALSE", "f", "F", "0": return false
    case .some(let text):
      error(
        setting, "expected true or false, not `\(text)`",
        ["yes", "on", "y"].contains(text.lowercased()) ? "write true" : nil)
    case .none:
      error(setting, "expected true or false, not \(setting.node.kind)")
    }
    return nil
  }

  func number(_ name: String, in range: ClosedRange<Int>) -> Int {
    let fallback = preset(name).flatMap { Int($0) } ?? range.lowerBound
    guard let setting = setting(name) else { return fallback }
    guard let text = setting.node.text, let number = Int(text), range.contains(number) else {
      error(setting, "expected a number from \(range.lowerBound) to \(range.upperBound)")
      return fallback
    }
    return number
  }

  func duration(_ name: String) -> Milliseconds? {
    guard let text = text(name) else { return nil }
    if let time = milliseconds(fromDuration: text) { return time }
    if let setting = setting(name) {
      error(
        setting, "`\(text)` is no duration",
        Int(text) == nil ? "as 10s, 5m or 1h30m" : "a number needs a unit: did you mean `\(text)s`?")
    }
    return nil
  }

  func address(_ name: String, defaultPort: Int? = nil) -> ListenAddress? {
    guard let text = text(name) else { return nil }
    if let address = ListenAddress(text, defaultPort: defaultPort) { return address }
    if let setting = setting(name) {
      error(setting, "`\(text)` is no address to listen on", "as `:443`, `127.0.0.1:8443` or `[::1]:8443`")
    }
    return nil
  }

  /// One of the words that the table allows.
  func choice(_ name: String) -> String? {
    guard let text = text(name) else { return nil }
    guard let setting = setting(name), case .choice(let choices) = setting.key.kind, !choices.contains(text) else {
      return text
    }
    let list = choices.map { "`\($0)`" }.joined(separator: ", ")
    let nearest = nearestName(to: text, among: choices).map { "did you mean `\($0)`?" }
    error(setting, "`\(text)` is not possible", nearest ?? (choices.count == 1 ? "only \(list) is" : "one of \(list)"))
    return nil
  }

  /// Texts with their places. A single text may list several, parted by commas.
  func texts(_ name: String) -> [(text: String, place: Place)] {
    guard let setting = setting(name) else {
      return (preset(name) ?? "").split(separator: ",").map { (String($0), place) }
    }
    if let text = setting.node.text {
      return text.split(separator: ",").map { ($0.trimmingBlanks, setting.place) }
    }
    guard let nodes = setting.node.sequence else {
      error(setting, "expected a list, not \(setting.node.kind)")
      return []
    }
    return nodes.compactMap { node in
      let place = Place(source: setting.place.source, position: node.position)
      guard let text = node.text else {
        findings.error(place, "`\(name)`: expected a text, not \(node.kind)")
        return nil
      }
      return (text, place)
    }
  }

  /// Names with texts.
  func pairs(_ name: String) -> [(name: String, value: String, place: Place)] {
    guard let setting = setting(name) else { return [] }
    guard let entries = setting.node.mapping else {
      error(setting, "expected names with values, not \(setting.node.kind)", "as `name: value`, one below the other")
      return []
    }
    return entries.compactMap { entry in
      let place = Place(source: setting.place.source, position: entry.keyPosition)
      guard let text = entry.value.text ?? (entry.value.isNull ? "" : nil) else {
        findings.error(place, "`\(name).\(entry.key)`: expected a text, not \(entry.value.kind)")
        return nil
      }
      return (entry.key, text, place)
    }
  }

  /// A value that may be written in place (`name`) or in a file (`name_file`), but not both ways.
  func textOrFile(_ name: String, keyFile: ReadingContext.KeyFileRule? = nil) -> (text: String, setting: Setting)? {
    var inline = setting(name)
    var file = setting(name + "_file")
    if let first = inline, let second = file {
      if first.isFromEnvironment == second.isFromEnvironment {
        error(second, "`\(name)` is written, too", "take one of the two out")
        return nil
      }
      // The environment beats the file, also when it uses the other form.
      if first.isFromEnvironment { file = nil } else { inline = nil }
    }
    if let inline { return text(name).map { ($0, inline) } }
    guard let file, let path = text(name + "_file") else { return nil }
    let content =
      keyFile.map { context.keyText(of: path, namedAt: file.place, $0) }
      ?? context.text(of: path, namedAt: file.place)
    return content.map { ($0, file) }
  }

  /// Base64 of exactly 32 bytes. The value itself never goes into a message.
  func key32(_ name: String) -> SecretBytes? {
    guard let (text, setting) = textOrFile(name) else { return nil }
    let isFile = setting.key.name != name
    let key = isFile ? text.trimmingBlanks : text
    guard let bytes = decodeBase64(key) else {
      error(setting, "not base64", "make one with: head -c32 /dev/urandom | base64")
      return nil
    }
    guard bytes.count == 32 else {
      error(setting, "\(bytes.count) bytes instead of 32", "make one with: head -c32 /dev/urandom | base64")
      return nil
    }
    if Set(bytes).count == 1 { findings.warning(setting.place, "`\(setting.key.name)`: every byte is the same") }
    return SecretBytes(bytes)
  }

  /// A private key as PEM, written in place or in a file; may be base64 of it.
  func privateKey(_ name: String, _ rule: ReadingContext.KeyFileRule) -> PrivateKeyText? {
    guard let (text, setting) = textOrFile(name, keyFile: rule) else { return nil }
    let isFile = setting.key.name != name
    return privateKey(text, name: isFile ? setting.node.text ?? name : name, at: setting.place)
  }

  func privateKey(_ text: String, name: String, at place: Place) -> PrivateKeyText? {
    guard let pem = pem(from: text) else {
      let isPublic = text.hasPrefix("ssh-") || text.hasPrefix("ecdsa-")
      findings.error(
        place, isPublic ? "`\(name)` is a public key" : "`\(name)` is no private key in PEM form",
        isPublic ? "name the private key: the file without .pub" : "it begins with -----BEGIN")
      return nil
    }
    guard pem.contains("PRIVATE KEY-----") else {
      findings.error(place, "`\(name)` holds no private key")
      return nil
    }
    return PrivateKeyText(pem: SecretString(pem), name: name)
  }

  /// PEM, or base64 of PEM; with the final newline.
  func pem(from text: String) -> String? {
    var pem = text
    if !pem.contains("-----BEGIN ") {
      guard let bytes = decodeBase64(text.filter { !$0.isWhitespace }),
        let decoded = String(validating: bytes, as: UTF8.self), decoded.contains("-----BEGIN ")
      else { return nil }
      pem = decoded
    }
    return pem.hasSuffix("\n") ? pem : pem + "\n"
  }

  /// A policy, or one that denies everybody after an error.
  func policy(_ name: String, for purpose: PolicyPurpose) -> AccessPolicy? {
    guard let setting = setting(name) else { return nil }
    return policy(setting.node.policyNode, for: purpose, source: setting.place.source)
  }

  /// - Parameter isWritten: in the policy language; not made of older keys.
  func policy(
    _ node: PolicyNode, for purpose: PolicyPurpose, isWritten: Bool = true, source: String
  ) -> AccessPolicy {
    var parser = PolicyParser(
      for: purpose, isWritten: isWritten, source: source, timeZones: WorldTimeZones.rules)
    let policy = parser.parse(node)
    for error in parser.errors {
      findings.error(Place(source: source, position: error.position), error.message, error.suggestion)
    }
    for warning in parser.warnings {
      findings.warning(Place(source: source, position: warning.position), warning.message, warning.suggestion)
    }
    return parser.errors.isEmpty ? policy : .denyAll
  }

  /// Headers to set: names and values that fit on the wire.
  func headers(_ name: String, forbidden: (String) -> String? = { _ in nil }) -> [HeaderSetting] {
    pairs(name).compactMap { pair in
      guard isHeaderName(pair.name) else {
        findings.error(pair.place, "`\(name)`: `\(pair.name)` cannot be the name of a header")
        return nil
      }
      guard isHeaderValue(pair.value) else {
        findings.error(pair.place, "`\(name)`: the value of `\(pair.name)` has characters that no header can have")
        return nil
      }
      if let why = forbidden(pair.name.lowercased()) {
        findings.error(pair.place, "`\(name)`: `\(pair.name)` cannot be set", why)
        return nil
      }
      return HeaderSetting(name: pair.name, value: pair.value)
    }
  }
}

extension StringProtocol {
  var trimmingBlanks: String {
    let isBlank: (Character) -> Bool = { $0.isWhitespace }
    return String(self.drop(while: isBlank).reversed().drop(while: isBlank).reversed())
  }
}
