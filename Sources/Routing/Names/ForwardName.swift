/// What a `tcpip-forward` request asks for: the bytes as they came, which later opens must repeat, and their meaning.
package struct ForwardName: Sendable, Hashable {
  package enum Meaning: Sendable, Hashable {
    /// A host was named.
    case host(HostName)
    /// A wildcard was named; it stands for the route whose `from` is literally that wildcard.
    case wildcard(HostPattern)
    /// No host given (`-R 443:…`), in the spellings clients use for that.
    case unnamed
    /// Port 0: every route of this person whose host matches, or the one name that was typed; the client speaks SOCKS.
    case dynamic(HostGlob)
    /// Nothing that could name a route.
    case invalid
  }

  package let requestedHost: String
  package let requestedPort: Int
  package let meaning: Meaning

  package init(host: String, port: Int) {
    requestedHost = host
    requestedPort = port
    meaning = Self.meaning(host: host, port: port)
  }

  /// The one name it asks for, if it asks for one: what it is bound as on a wildcard route.
  package var host: HostName? {
    switch meaning {
    case .host(let host): host
    case .dynamic(let glob): glob.name
    case .wildcard, .unnamed, .invalid: nil
    }
  }

  private static func meaning(host: String, port: Int) -> Meaning {
    let lowered = host.lowercased()
    let isUnnamed = unnamedHosts.contains(lowered) || lowered == "localhost."
    if port == 0 {
      if isUnnamed { return .dynamic(.everything) }
      return HostGlob(host).map(Meaning.dynamic) ?? .invalid
    }
    if isUnnamed { return .unnamed }
    guard (1...65535).contains(port) else { return .invalid }
    if let name = HostName(host) { return .host(name) }
    if let pattern = HostPattern(host) { return .wildcard(pattern) }
    return .invalid
  }

  /// What clients send when their user wrote no bind address (ssh.md section 3.3).
  private static let unnamedHosts: Set<String> = ["", "localhost", "127.0.0.1", "::1", "0.0.0.0", "::", "*"]
}

/// The host of a dynamic forward: `*` and `?`, case-insensitive, over whole names. Labels without them may be written in
/// any form that a name may have.
package struct HostGlob: Sendable, Hashable {
  package static let everything = HostGlob(pattern: [0x2A], name: nil)

  private let pattern: [UInt8]
  /// The one name it can match, where nothing in it is left open.
  package let name: HostName?

  private init(pattern: [UInt8], name: HostName?) {
    self.pattern = pattern
    self.name = name
  }

  package init?(_ text: String) {
    if let name = HostName(text) {
      self.init(pattern: Array(name.text.utf8), name: name)
      return
    }
    guard text.utf8.count <= HostName.longestName * 4 else { return nil }
    var labels = HostName.labels(of: text)
    if labels.last?.isEmpty == true { labels.removeLast() }
    var pattern: [UInt8] = []
    for label in labels {
      let isOpen = label.utf8.contains { $0 == 0x2A || $0 == 0x3F }
      guard let canonical = isOpen ? Self.openLabel(label) : HostName.canonicalLabel(label) else { return nil }
      if !pattern.isEmpty { pattern.append(0x2E) }
      pattern += canonical.utf8
    }
    guard !pattern.isEmpty, pattern.count <= HostName.longestName else { return nil }
    self.init(pattern: pattern, name: nil)
  }

  private static func openLabel(_ label: Substring) -> String? {
    let lowered = label.lowercased()
    let isPlain = lowered.utf8.allSatisfy { byte in
      switch byte {
      case 0x61...0x7A, 0x30...0x39, 0x2A, 0x2D, 0x3F: true
      default: false
      }
    }
    return isPlain ? lowered : nil
  }

  /// Linear in name times stars: on a mismatch only the last star is tried again.
  package func matches(_ text: String) -> Bool {
    let name = Array(text.utf8)
    var position = 0
    var index = 0
    var star: (pattern: Int, name: Int)?
    while index < name.count {
      if position < pattern.count, pattern[position] == 0x2A {
        star = (position + 1, index)
        position += 1
      } else if position < pattern.count, pattern[position] == 0x3F || pattern[position] == name[index] {
        position += 1
        index += 1
      } else if let last = star {
        star = (last.pattern, last.name + 1)
        position = last.pattern
        index = last.name + 1
      } else {
        return false
      }
    }
    while position < pattern.count, pattern[position] == 0x2A { position += 1 }
    return position == pattern.count
  }
}
