/// The issuer, taken apart: `http://localhost:5556/dex`.
struct IssuerURL: Sendable, Hashable {
  /// Lower case, without brackets.
  var host: String
  var port: Int
  /// Begins with a slash and ends without one; empty at the root.
  var path: String

  /// Only plain HTTP to a loopback name is taken: browsers and the edge must both reach it on this machine and nowhere else.
  init(_ text: String) throws(ProviderError) {
    let scheme = "http://"
    guard text.hasPrefix(scheme) else {
      throw ProviderError(.configuration, "issuer: \(text) must begin with http:// (the embedded provider has no TLS)")
    }
    let rest = text.dropFirst(scheme.count)
    let authority = rest.prefix { $0 != "/" }
    var path = String(rest.dropFirst(authority.count))
    while path.hasSuffix("/") { path.removeLast() }
    guard path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }) else {
      throw ProviderError(.configuration, "issuer: \(text) must not have a query or a fragment")
    }
    guard let (host, port) = Self.split(authority: authority) else {
      throw ProviderError(.configuration, "issuer: \(text) has no usable host and port")
    }
    self.host = host
    self.port = port ?? 80
    self.path = path
    guard !addresses.isEmpty else {
      throw ProviderError(
        .notLoopback,
        "issuer: \(host) is not this machine; the embedded provider serves localhost, names under .localhost, 127.0.0.1 and ::1 only"
      )
    }
  }

  var authority: String {
    let name = host.contains(":") ? "[\(host)]" : host
    return port == 80 ? name : "\(name):\(port)"
  }
  var origin: String { "http://\(authority)" }
  var text: String { origin + path }

  /// The addresses to listen on; none when the host is not a loopback name.
  var addresses: [String] {
    if host == "localhost" || host.hasSuffix(".localhost") { return ["127.0.0.1", "::1"] }
    if host == "127.0.0.1" || host == "::1" { return [host] }
    return []
  }

  /// Whether a Host header names this provider. Other names are refused, so that no page can reach it by DNS rebinding.
  func isNamed(by hostHeader: String) -> Bool {
    guard let (name, port) = Self.split(authority: Substring(hostHeader)) else { return false }
    return (port ?? 80) == self.port && (name == host || ["localhost", "127.0.0.1", "::1"].contains(name))
  }

  private static func split(authority: Substring) -> (host: String, port: Int?)? {
    var host = authority
    var port: Int?
    if authority.first == "[" {
      guard let end = authority.firstIndex(of: "]") else { return nil }
      host = authority[authority.index(after: authority.startIndex)..<end]
      let tail = authority[authority.index(after: end)...]
      if !tail.isEmpty {
        guard tail.first == ":", let number = UInt16(tail.dropFirst()) else { return nil }
        port = Int(number)
      }
    } else if let colon = authority.firstIndex(of: ":") {
      host = authority[..<colon]
      guard let number = UInt16(authority[authority.index(after: colon)...]) else { return nil }
      port = Int(number)
    }
    let allowed = host.utf8.allSatisfy { byte in
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: ".")
        || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ":")
    }
    guard !host.isEmpty, allowed else { return nil }
    return (host.lowercased(), port)
  }
}
