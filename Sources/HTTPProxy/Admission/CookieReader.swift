import HTTPWire

/// Finds and removes our cookie in Cookie fields (RFC 6265 section 4.2), without taking the others apart.
struct CookieReader {
  enum Found: Equatable {
    case none
    case one(String)
    /// Two with our name in one request: one of them is not ours (security rule 17).
    case several
  }

  /// `__Host-…`
  let name: [UInt8]

  init(name: String) { self.name = Array(name.utf8) }

  func find(in headers: HeaderList) -> Found {
    var found = Found.none
    for field in headers.fields where field.kind == .cookie {
      for pair in headers.valueBytes(field).split(separator: 0x3B) {
        guard let value = value(of: pair) else { continue }
        if found != .none { return .several }
        found = .one(String(decoding: value, as: UTF8.self))
      }
    }
    return found
  }

  /// Whether any cookie of this field belongs to the edge: ours by name, or by prefix (`__Host-_pomerium_nonce`…).
  func concerns(_ field: HeaderList.Field, of headers: HeaderList) -> Bool {
    headers.valueBytes(field).split(separator: 0x3B).contains { isOwn($0.trimmingBlanks()) }
  }

  /// The field's value without our cookies; empty when nothing is left.
  func stripped(_ field: HeaderList.Field, of headers: HeaderList) -> String {
    let kept = headers.valueBytes(field).split(separator: 0x3B).map { $0.trimmingBlanks() }
      .filter { !$0.isEmpty && !isOwn($0) }
    return kept.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "; ")
  }

  /// Whether a cookie pair, or the start of a Set-Cookie value, carries a name of ours. Names with our prefix belong to us
  /// too: the nonce and the attempt cookies.
  func isOwn(_ pair: ArraySlice<UInt8>) -> Bool {
    guard pair.count >= name.count else { return false }
    // Browsers compare the __Host- prefix without case.
    var index = pair.startIndex
    for byte in name {
      guard ByteClass.lowercased(pair[index]) == ByteClass.lowercased(byte) else { return false }
      index += 1
    }
    guard index < pair.endIndex else { return true }
    switch pair[index] {
    case 0x3D, 0x5F, 0x2D, ByteClass.space, ByteClass.tab: return true
    default: return false
    }
  }

  private func value(of pair: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    let pair = pair.trimmingBlanks()
    guard pair.starts(with: name), pair.count > name.count else { return nil }
    let rest = pair[(pair.startIndex + name.count)...]
    return rest.first == 0x3D ? rest.dropFirst() : nil
  }
}
