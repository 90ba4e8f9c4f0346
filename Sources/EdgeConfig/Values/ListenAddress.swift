internal import Policy

/// Where to listen: `:443`, `127.0.0.1:8080`, `[::1]:22`.
package struct ListenAddress: Sendable, Hashable, CustomStringConvertible {
  /// Empty means every address, of both families. Without brackets.
  package var host: String
  package var port: Int

  package init(host: String, port: Int) {
    self.host = host
    self.port = port
  }

  init?(_ text: String, defaultPort: Int? = nil) {
    guard let (host, port) = splitAuthority(text), let port = port ?? defaultPort else { return nil }
    guard host.isEmpty || IPAddress(host) != nil || isHostName(host) else { return nil }
    // `2222` is a port whose colon was forgotten.
    guard host.isEmpty || host.contains(where: { !("0"..."9").contains($0) }) else { return nil }
    self.host = host
    self.port = port
  }

  package var isLoopback: Bool {
    host == "localhost" || host.hasSuffix(".localhost") || IPAddress(host)?.isLoopback == true
  }

  package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`, `:port`. A colon without a port, or with a bad one, is refused.
func splitAuthority(_ text: String) -> (host: String, port: Int?)? {
  var host = text[...]
  var rest = ""[...]
  if text.hasPrefix("[") {
    guard let end = text.firstIndex(of: "]") else { return nil }
    host = text[text.index(after: text.startIndex)..<end]
    guard host.contains(":"), IPAddress(String(host)) != nil else { return nil }
    rest = text[text.index(after: end)...]
    guard rest.isEmpty || rest.hasPrefix(":") else { return nil }
  } else if let colon = text.lastIndex(of: ":") {
    host = text[..<colon]
    rest = text[colon...]
    guard !host.contains(":") else { return nil }
  }
  if rest.isEmpty { return (String(host), nil) }
  guard let port = port(from: rest.dropFirst()) else { return nil }
  return (String(host), port)
}

/// 1 to 65535, digits only.
func port(from text: Substring) -> Int? {
  guard (1...5).contains(text.count), text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
    let port = Int(text), (1...65535).contains(port)
  else { return nil }
  return port
}

/// Letters, digits and hyphens in labels of at most 63, 253 together (RFC 1035 section 2.3.4); underscores too where a name
/// is only looked up.
func isHostName(_ text: String, allowsUnderscore: Bool = false) -> Bool {
  let name = text.hasSuffix(".") ? text.dropLast() : text[...]
  guard !name.isEmpty, name.utf8.count <= 253 else { return false }
  return name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
    let bytes = label.utf8
    guard let first = bytes.first, let last = bytes.last, bytes.count <= 63 else { return false }
    let hyphen = UInt8(ascii: "-")
    return first != hyphen && last != hyphen
      && bytes.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), hyphen:
          true
        case UInt8(ascii: "_"): allowsUnderscore
        default: false
        }
      }
  }
}
