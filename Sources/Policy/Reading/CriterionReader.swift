/// Reads one criterion: its name and the data beside it.
struct CriterionReader {
  let entry: PolicyNode.Entry
  let path: String
  let timeZones: TimeZoneSource
  private(set) var errors: [PolicyError] = []
  var warnings: [PolicyError] = []

  init(entry: PolicyNode.Entry, path: String, timeZones: @escaping TimeZoneSource) {
    self.entry = entry
    self.path = path
    self.timeZones = timeZones
  }

  mutating func read() -> CriterionTest? {
    let name = String(entry.key.prefix { $0 != "/" })
    let subpath = entry.key.dropFirst(name.count + 1)
    guard CriterionName.supported.contains(name) else { return refuseName(name) }
    if name == "claim" { return claim(String(subpath)) }
    guard entry.key == name else {
      return failName("`\(name)` takes no path", "write `\(name):`")
    }
    switch name {
    case "accept": return flag(.accept)
    case "reject": return flag(.reject)
    case "authenticated_user": return flag(.authenticatedUser)
    case "cors_preflight": return flag(.corsPreflight)
    case "pomerium_routes": return flag(.pomeriumRoutes)
    case "invalid_client_certificate": return flag(.invalidClientCertificate)
    case "client_certificate": return certificateMatcher(entry.value).map { .clientCertificate($0) }
    case "ssh_username_matches_email": return flag(.sshUsernameMatchesEmail)
    case "user": return stringMatcher(entry.value).map { .user($0) }
    case "email": return stringMatcher(entry.value).map { .email($0) }
    case "domain": return stringMatcher(entry.value).map { .domain($0) }
    case "service_account": return stringMatcher(entry.value).map { .serviceAccount($0) }
    case "http_method": return stringMatcher(entry.value).map { .httpMethod($0) }
    case "http_path": return stringMatcher(entry.value).map { .httpPath($0) }
    case "ssh_username": return stringMatcher(entry.value).map { .sshUsername($0) }
    case "groups": return listMatcher(entry.value).map { .groups($0) }
    case "source_ip": return sourceIP()
    case "ssh_username_matches_claim": return usernameClaim()
    case "ssh_publickey": return publicKeys().map { .sshPublicKey($0) }
    case "ssh_ca": return publicKeys().map { .sshCertificateAuthority($0) }
    case "ssh_forward_host": return forwardHosts()
    case "date": return date()
    case "day_of_week": return dayOfWeek()
    case "time_of_day": return timeOfDay()
    case "device": return device()
    default: return nil
    }
  }

  private mutating func refuseName(_ name: String) -> CriterionTest? {
    if let instead = CriterionName.unsupported[name] {
      return failName("the criterion `\(name)` is not supported", instead)
    }
    let nearest = nearestName(to: name, among: CriterionName.supported)
    let list = CriterionName.supported.map { $0 == "claim" ? "claim/…" : $0 }.joined(separator: ", ")
    return failName("unknown criterion `\(name)`", nearest.map { "did you mean `\($0)`?" } ?? "known are \(list)")
  }

  private mutating func flag(_ test: CriterionTest) -> CriterionTest? {
    switch entry.value.value {
    case .bool(false), .number(0):
      return refuse(
        entry.value, "`\(entry.key)` cannot be turned off by a value", "take the criterion out, or put it under `not:`")
    default: return test
    }
  }

  private mutating func claim(_ subpath: String) -> CriterionTest? {
    guard let path = claimPath(subpath, entry.keyPosition) else { return nil }
    return listMatcher(entry.value).map { .claim(path, $0) }
  }

  private mutating func usernameClaim() -> CriterionTest? {
    guard case .string(let text) = entry.value.value else {
      return refuse(entry.value, "expected the name of a claim, not \(entry.value.kind)", nil)
    }
    return claimPath(text, entry.value.position).map { .sshUsernameMatchesClaim($0) }
  }

  private mutating func claimPath(_ text: String, _ position: SourcePosition) -> ClaimPath? {
    let steps = text.split(omittingEmptySubsequences: false) { $0 == "/" || $0 == "." }
    if text.isEmpty || steps.contains(where: \.isEmpty) && !text.contains("://") {
      errors.append(
        PolicyError(
          "which claim?", at: position, path: path, suggestion: "write its name after a slash, as `claim/family_name`"))
      return nil
    }
    return ClaimPath(text: text)
  }

  private mutating func sourceIP() -> CriterionTest? {
    var ranges: [AddressRange] = []
    for (node, text) in texts(entry.value, "an address or a CIDR block") {
      if let range = AddressRange(text) {
        ranges.append(range)
      } else {
        fail(node, "`\(text)` is neither an IP address nor a CIDR block", "as 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32")
      }
    }
    return errors.isEmpty ? .sourceIP(ranges) : nil
  }

  private mutating func publicKeys() -> [[UInt8]]? {
    var blobs: [[UInt8]] = []
    for (node, text) in texts(entry.value, "a public key") {
      guard let key = AuthorizedKey(line: text), !key.isCertificate else {
        fail(
          node, "not an OpenSSH public key", "paste the line of the .pub file: `ssh-ed25519 AAAA…`")
        continue
      }
      // Taken without them, the key could do more than its line says.
      guard !key.hasOptions else {
        fail(
          node, "options before the key, which are not read here",
          "paste the line of the .pub file; where it may be used from is said by `source_ip` under the same `and`")
        continue
      }
      blobs.append(key.blob)
    }
    return errors.isEmpty ? blobs : nil
  }

  private mutating func forwardHosts() -> CriterionTest? {
    var patterns: [ForwardHostPattern] = []
    for (node, text) in texts(entry.value, "a pattern of host names") {
      do throws(ForwardHostPattern.Mistake) {
        patterns.append(try ForwardHostPattern(text))
      } catch {
        fail(
          node, error.text,
          "as `*.dev.example.com`, `*.{claim.preferred_username}.dev.example.com` or `{email.local_part}.example.com`")
      }
    }
    return errors.isEmpty ? .sshForwardHost(patterns) : nil
  }

  /// `is`, `approved` and `type` are read, so that mistakes are told; no device can be enrolled here.
  private mutating func device() -> CriterionTest? {
    guard case .object(let entries) = entry.value.value, !entries.isEmpty else {
      return refuse(entry.value, "expected `is`, `approved` or `type`, not \(entry.value.kind)", nil)
    }
    var wantsUnapproved = true
    for entry in entries {
      switch (entry.key, entry.value.value) {
      case ("approved", .bool(false)): break
      case ("is", .string), ("type", .string), ("approved", .bool): wantsUnapproved = false
      case ("is", _), ("type", _): fail(entry.value, "expected a text, not \(entry.value.kind)", nil)
      case ("approved", _): fail(entry.value, "expected true or false, not \(entry.value.kind)", nil)
      default:
        fail(
          PolicyNode(.null, at: entry.keyPosition), "unknown operator `\(entry.key)`",
          "operators are `is`, `approved`, `type`")
      }
    }
    warnings.append(
      PolicyError(
        "`device` lets nobody in: devices cannot be enrolled here", at: entry.keyPosition, path: path,
        suggestion: "use `client_certificate`, or take it out"))
    return errors.isEmpty ? .device(wantsUnapproved: wantsUnapproved) : nil
  }

  /// A text, or a list of texts that is not empty.
  mutating func texts(_ node: PolicyNode, _ what: String) -> [(PolicyNode, String)] {
    switch node.value {
    case .string(let text): return [(node, text)]
    case .list(let items):
      if items.isEmpty { fail(node, "expected \(what) or a list of them, not an empty list", nil) }
      var found: [(PolicyNode, String)] = []
      for item in items {
        if case .string(let text) = item.value {
          found.append((item, text))
        } else {
          fail(item, "expected \(what), not \(item.kind)", nil)
        }
      }
      return found
    case .null, .bool, .number, .object:
      fail(node, "expected \(what) or a list of them, not \(node.kind)", nil)
      return []
    }
  }

  mutating func fail(_ node: PolicyNode, _ message: String, _ suggestion: String?) {
    errors.append(PolicyError(message, at: node.position, path: path, suggestion: suggestion))
  }

  private mutating func refuse(_ node: PolicyNode, _ message: String, _ suggestion: String?) -> CriterionTest? {
    errors.append(PolicyError(message, at: node.position, path: path, suggestion: suggestion))
    return nil
  }

  private mutating func failName(_ message: String, _ suggestion: String?) -> CriterionTest? {
    errors.append(PolicyError(message, at: entry.keyPosition, path: path, suggestion: suggestion))
    return nil
  }
}
