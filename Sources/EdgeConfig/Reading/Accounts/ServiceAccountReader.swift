internal import Policy

/// Reads one entry of `service_accounts`.
struct ServiceAccountReader {
  let node: YAMLNode
  let source: String
  let findings: Findings

  private static let keys = [
    "name", "public_keys", "ssh_ca", "expires", "source_addresses", "routes", "tokens", "workload",
  ]
  private static let form =
    "as `- {name: ci, public_keys: [ssh-ed25519 AAAA…], expires: 2027-01-31, routes: [preview.example.com]}`"

  func read() -> ServiceAccountConfiguration? {
    guard let entries = node.mapping else {
      error(node, "expected an object, not \(node.kind)", Self.form)
      return nil
    }
    for entry in entries where !Self.keys.contains(entry.key) {
      let nearest = nearestName(to: entry.key, among: Self.keys).map { "did you mean `\($0)`?" }
      // Not a warning: `expire` for `expires` would be another account.
      findings.error(place(entry.keyPosition), "`service_accounts`: unknown key `\(entry.key)`", nearest ?? Self.form)
    }
    let name = name()
    let keys = texts("public_keys").compactMap { key($0.node, $0.text) }
    let authorities = authorities()
    if ["public_keys", "ssh_ca", "tokens", "workload"].allSatisfy({ node[$0] == nil }) {
      error(
        node, "nothing says who it is",
        "add `public_keys` or `ssh_ca` to publish, `tokens` to visit, `workload` for jobs that have a token of their own"
      )
    }
    let expiry = expiry()
    let sources = texts("source_addresses").compactMap { range($0.node, $0.text) }
    let hosts = hosts()
    let workloads = workloads()
    let tokens = texts("tokens").compactMap { tokenHash($0.node, $0.text) }
    guard let name, let expiry else { return nil }
    return ServiceAccountConfiguration(
      name: name, keys: keys, authorities: authorities, expiresAt: expiry, sources: sources, hosts: hosts,
      tokenHashes: tokens, workloads: workloads)
  }

  private func name() -> String? {
    guard let written = node["name"], let text = written.text else {
      error(node["name"] ?? node, "`name` is missing", Self.form)
      return nil
    }
    let isFit =
      (1...64).contains(text.utf8.count)
      && text.utf8.allSatisfy { byte in
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
        default: false
        }
      }
    guard isFit else {
      error(written, "`\(text)` cannot be the name of a service account", "letters, digits, `-`, `.` and `_` only")
      return nil
    }
    return text
  }

  private func expiry() -> UnixTime? {
    guard let written = node["expires"], let text = written.text else {
      error(
        node["expires"] ?? node, "`expires` is missing", "as `expires: 2027-01-31`; a service account ends some day")
      return nil
    }
    guard let time = UnixTime(iso8601: text) else {
      error(written, "`\(text)` is no moment", "as 2027-01-31 or 2027-01-31T18:00:00Z")
      return nil
    }
    return time
  }

  private func authorities() -> [ServiceAccountConfiguration.Authority] {
    guard let written = node["ssh_ca"] else { return [] }
    let form = "as `ssh_ca: [{key: ssh-ed25519 AAAA…, principals: [ci]}]`"
    guard let entries = written.sequence ?? (written.mapping == nil ? nil : [written]) else {
      error(written, "`ssh_ca`: expected a list of authorities, not \(written.kind)", form)
      return []
    }
    return entries.compactMap { entry in
      for member in entry.mapping ?? [] where !["key", "principals"].contains(member.key) {
        findings.error(place(member.keyPosition), "`ssh_ca`: unknown key `\(member.key)`", form)
      }
      guard let keyNode = entry["key"], let text = keyNode.text, let key = key(keyNode, text) else {
        error(entry, "`ssh_ca`: `key` is missing or none", form)
        return nil
      }
      let principals = texts("principals", of: entry).map(\.text).filter { !$0.isEmpty }
      guard !principals.isEmpty else {
        error(
          entry["principals"] ?? entry, "`ssh_ca` without `principals` would take every certificate of this authority",
          "name those that belong to this account")
        return nil
      }
      return ServiceAccountConfiguration.Authority(key: key, principals: principals)
    }
  }

  /// Literally listed (security rule 13): a pattern would give an account names that nobody thought of.
  private func hosts() -> [String] {
    guard node["routes"] != nil else {
      error(node, "`routes` is missing: which hosts it may publish", Self.form)
      return []
    }
    return texts("routes").compactMap { item in
      var text = Substring(item.text)
      for scheme in ["https://", "ssh://", "tcp+https://"] where text.hasPrefix(scheme) {
        text = text.dropFirst(scheme.count)
      }
      guard !text.contains("*") else {
        error(item.node, "`\(item.text)`: a service account publishes hosts that are named, not patterns")
        return nil
      }
      guard let (host, _) = splitAuthority(String(text)), isHostName(host) else {
        error(item.node, "`\(item.text)` is no host", "as preview.example.com")
        return nil
      }
      return host.lowercased()
    }
  }

  private func key(_ node: YAMLNode, _ text: String) -> [UInt8]? {
    guard let key = AuthorizedKey(line: text), !key.isCertificate else {
      error(node, "not an OpenSSH public key", "paste the line of the .pub file: `ssh-ed25519 AAAA…`")
      return nil
    }
    // Taken without them, the key could do more than its line says.
    guard !key.hasOptions else {
      error(
        node, "options before the key, which are not read here",
        "paste the line of the .pub file; where it may be used from is said by `source_addresses`")
      return nil
    }
    return key.blob
  }

  /// A token itself has no business in the file: whoever reads it could show it.
  private func tokenHash(_ node: YAMLNode, _ text: String) -> [UInt8]? {
    let prefix = "sha256:"
    let digits = Array(text.utf8.dropFirst(prefix.utf8.count))
    var hash: [UInt8] = []
    for index in stride(from: 0, to: digits.count - 1, by: 2) {
      guard let high = Character(Unicode.Scalar(digits[index])).hexDigitValue,
        let low = Character(Unicode.Scalar(digits[index + 1])).hexDigitValue
      else { break }
      hash.append(UInt8(high << 4 | low))
    }
    guard text.hasPrefix(prefix), digits.count == 64, hash.count == 32 else {
      error(
        node, "`tokens`: not the hash of a token",
        "`tunnel-edge token` makes one and prints the line to paste: `sha256:` and 64 digits")
      return nil
    }
    return hash
  }

  private func range(_ node: YAMLNode, _ text: String) -> AddressRange? {
    guard let range = AddressRange(text) else {
      error(node, "`\(text)` is neither an IP address nor a CIDR block", "as 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32")
      return nil
    }
    return range
  }

  /// A text or a list of texts.
  private func texts(_ name: String, of object: YAMLNode? = nil) -> [(node: YAMLNode, text: String)] {
    guard let written = (object ?? node)[name] else { return [] }
    let nodes = written.sequence ?? [written]
    if nodes.isEmpty { error(written, "`\(name)` is empty") }
    return nodes.compactMap { node in
      guard let text = node.text else {
        error(node, "`\(name)`: expected a text, not \(node.kind)")
        return nil
      }
      return (node, text)
    }
  }

  func place(_ position: SourcePosition) -> Place { Place(source: source, position: position) }

  func error(_ node: YAMLNode, _ message: String, _ suggestion: String? = nil) {
    let prefix = message.hasPrefix("`service_accounts`") ? "" : "`service_accounts`: "
    findings.error(place(node.position), prefix + message, suggestion)
  }
}

extension ConfigurationReader {
  func serviceAccounts() -> [ServiceAccountConfiguration] {
    guard let setting = section.setting("service_accounts") else { return [] }
    guard let nodes = setting.node.sequence else {
      section.error(setting, "expected a list of accounts, not \(setting.node.kind)")
      return []
    }
    var accounts: [ServiceAccountConfiguration] = []
    var names: Set<String> = []
    var keys: Set<[UInt8]> = []
    var tokens: Set<[UInt8]> = []
    for node in nodes {
      let place = Place(source: setting.place.source, position: node.position)
      guard let account = ServiceAccountReader(node: node, source: place.source, findings: findings).read() else {
        continue
      }
      if !names.insert(account.name).inserted {
        findings.error(place, "`service_accounts`: there are two accounts `\(account.name)`")
      }
      for hash in account.tokenHashes where !tokens.insert(hash).inserted {
        findings.error(place, "`service_accounts`: a token of `\(account.name)` stands here twice", "give each its own")
      }
      for key in account.keys where !keys.insert(key).inserted {
        findings.error(place, "`service_accounts`: a key of `\(account.name)` stands here twice", "give each its own")
      }
      accounts.append(account)
    }
    checkWorkloads(accounts, setting.place)
    return accounts
  }
}
