import HTTPWire

/// What a service takes for its own address. Frameworks make absolute redirects of it, which would lead visitors to a name
/// that only the edge calls the service by, so they are led back to the address they came to.
struct ServiceAddress {
  /// The Host that the service saw.
  let host: Authority
  /// How the visitor called it, with its scheme.
  let scheme: String
  let visitors: Authority
  /// What the visitor asked for, without its query.
  let path: String

  /// The same place for a visitor; `nil` where `location` leads elsewhere, or is fine as it is.
  ///
  /// Under the service's own name another port is another service, with two exceptions: where only a slash is added to the
  /// path, as nginx does with the port it listens on; and where the name is the visitors', who reach no service of that
  /// machine by it.
  func visitorsLocation(for location: ArraySlice<UInt8>) -> String? {
    guard let (authority, rest) = Self.parts(of: location), authority.host == host.host else { return nil }
    let isSamePort = standard(authority.port) == standard(host.port)
    guard isSamePort || authority.host == visitors.host || addsOnlySlash(rest) else { return nil }
    let changed = "\(scheme)://\(visitors.text)" + String(decoding: rest, as: UTF8.self)
    return changed.utf8.elementsEqual(location) ? nil : changed
  }

  /// Nobody says by which of its two schemes the service believes to be called, so both standard ports are none.
  private func standard(_ port: Int?) -> Int? { port == 80 || port == 443 ? nil : port }

  private func addsOnlySlash(_ rest: ArraySlice<UInt8>) -> Bool {
    let asked = rest.prefix { $0 != ByteClass.questionMark }
    return asked.last == ByteClass.slash && asked.dropLast().elementsEqual(path.utf8)
  }

  /// Authority and what stands behind it, of an absolute URL of http or https.
  private static func parts(of location: ArraySlice<UInt8>) -> (Authority, ArraySlice<UInt8>)? {
    for scheme in ["http://", "https://"] {
      let head = location.prefix(scheme.utf8.count).map { ByteClass.lowercased($0) }
      guard head.elementsEqual(scheme.utf8) else { continue }
      let behind = location.dropFirst(scheme.utf8.count)
      let end = behind.firstIndex { $0 == ByteClass.slash || $0 == ByteClass.questionMark || $0 == 0x23 }
      guard let authority = Authority(behind[..<(end ?? behind.endIndex)]) else { return nil }
      return (authority, behind[(end ?? behind.endIndex)...])
    }
    return nil
  }
}
