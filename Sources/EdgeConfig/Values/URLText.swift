internal import Policy

/// The parts of a URL as configuration files write them.
struct URLText: Equatable {
  /// Lower case.
  var scheme: String
  /// Lower case, without brackets and trailing dot.
  var host: String
  var port: Int?
  /// From the first `/` on, without query and fragment; may be empty.
  var path: String
  var hasUserInfo: Bool
  /// Query or fragment.
  var hasMore: Bool

  enum Failure: Error, Equatable {
    case noScheme
    case badHost(String)
    case badPort(String)
    case badCharacter
  }

  init(_ text: String) throws(Failure) {
    guard text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f }) else { throw .badCharacter }
    guard let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://"), colon > text.startIndex else {
      throw .noScheme
    }
    scheme = text[..<colon].lowercased()
    guard scheme.utf8.allSatisfy(isSchemeByte) else { throw .noScheme }
    let afterScheme = text[colon...].dropFirst(3)
    let authority = afterScheme.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
    let rest = afterScheme.dropFirst(authority.count)
    let target = rest.prefix { $0 != "?" && $0 != "#" }
    path = String(target)
    hasMore = target.count < rest.count
    let place = authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] } ?? authority
    hasUserInfo = place.count < authority.count
    guard let split = splitAuthority(String(place)) else {
      if let last = place.lastIndex(of: ":"), place.hasPrefix("[") == false {
        throw .badPort(String(place[place.index(after: last)...]))
      }
      throw .badHost(String(place))
    }
    let name = split.host.lowercased()
    host = name.hasSuffix(".") ? String(name.dropLast()) : name
    port = split.port
    if host.isEmpty { throw .badHost(String(place)) }
  }

  /// The origin: scheme, host and, where written and not the usual one, port.
  var origin: String {
    let name = host.contains(":") ? "[\(host)]" : host
    guard let port, port != usualPorts[scheme] else { return "\(scheme)://\(name)" }
    return "\(scheme)://\(name):\(port)"
  }
}

let usualPorts = ["http": 80, "https": 443, "h2c": 80, "ssh": 22]

private func isSchemeByte(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"),
    UInt8(ascii: "-"), UInt8(ascii: "."):
    true
  default: false
  }
}
