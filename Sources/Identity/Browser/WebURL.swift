/// An absolute http or https URL, read strictly: what a browser and we could read differently is refused.
struct WebURL: Sendable, Hashable {
  var scheme: String
  /// Lower case; an IPv6 literal keeps its brackets.
  var host: String
  var port: Int?
  /// Path, query and fragment, as written; starts with `/`.
  var rest: String

  init?(_ text: String) {
    guard text.utf8.count <= Self.maximumLength, let separator = text.firstRange(of: "://") else { return nil }
    // Browsers drop some of these and turn others into a slash.
    guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\\") }) else { return nil }
    scheme = text[..<separator.lowerBound].lowercased()
    guard scheme == "https" || scheme == "http" else { return nil }
    let after = text[separator.upperBound...]
    let end = after.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? after.endIndex
    guard let (host, port) = Self.authority(after[..<end]) else { return nil }
    self.host = host
    self.port = port
    let rest = String(after[end...])
    self.rest = rest.hasPrefix("/") ? rest : "/" + rest
  }

  /// Scheme, host and port, the port only where it was written.
  var origin: String { "\(scheme)://\(host)\(port.map { ":\($0)" } ?? "")" }

  private static let maximumLength = 4096

  private static func authority(_ text: Substring) -> (String, Int?)? {
    var host = text
    var port: Int?
    if text.hasPrefix("[") {
      guard let close = text.firstIndex(of: "]") else { return nil }
      host = text[...close]
      let inner = host.dropFirst().dropLast()
      guard !inner.isEmpty, inner.allSatisfy({ $0.isHexDigit || $0 == ":" || $0 == "." }) else { return nil }
      let after = text[text.index(after: close)...]
      guard after.isEmpty || after.hasPrefix(":") else { return nil }
      if !after.isEmpty {
        guard let number = number(after.dropFirst()) else { return nil }
        port = number
      }
      return (host.lowercased(), port)
    }
    if let colon = text.firstIndex(of: ":") {
      host = text[..<colon]
      guard let number = number(text[text.index(after: colon)...]) else { return nil }
      port = number
    }
    guard !host.isEmpty, host.utf8.count <= 253, !host.hasPrefix("."), !host.hasPrefix("-"), !host.contains(".."),
      host.utf8.allSatisfy({ isNameByte($0) })
    else { return nil }
    return (host.lowercased(), port)
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
      true
    default: false
    }
  }

  private static func number(_ text: Substring) -> Int? {
    guard !text.isEmpty, text.utf8.count <= 5, text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
      let port = Int(text), port > 0, port <= 65_535
    else { return nil }
    return port
  }
}
