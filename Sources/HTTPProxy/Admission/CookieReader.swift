import HTTPWire
import NIOCore

/// Finds and removes our cookies in Cookie fields (RFC 6265 section 4.2), without taking the others apart.
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
      let value = headers.valueBytes(field)
      var rest = value.startIndex..<value.endIndex
      while let pair = Self.nextPair(value, &rest) {
        guard let start = valueStart(value, pair) else { continue }
        if found != .none { return .several }
        found = .one(String(decoding: value[start..<pair.upperBound], as: UTF8.self))
      }
    }
    return found
  }

  /// Writes the request's Cookie fields without our cookies: ours by name, or with our name as a prefix (nonce, attempt,
  /// owner). Fields that hold none of ours go as they are.
  func writeOthers(of headers: HeaderList, into buffer: inout ByteBuffer) {
    for field in headers.fields where field.kind == .cookie {
      let value = headers.valueBytes(field)
      var rest = value.startIndex..<value.endIndex
      var isFirst = true
      while let pair = Self.nextPair(value, &rest) {
        if pair.isEmpty || isOwn(value[pair]) { continue }
        buffer.writeString(isFirst ? "Cookie: " : "; ")
        isFirst = false
        buffer.writeBytes(value[pair])
      }
      if !isFirst { buffer.writeString("\r\n") }
    }
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

  /// The next cookie of the value, without the blanks around it; `rest` moves behind its semicolon.
  private static func nextPair(_ value: ArraySlice<UInt8>, _ rest: inout Range<Int>) -> Range<Int>? {
    guard !rest.isEmpty else { return nil }
    var end = rest.lowerBound
    while end < rest.upperBound, value[end] != 0x3B { end += 1 }
    var pair = rest.lowerBound..<end
    rest = min(end + 1, rest.upperBound)..<rest.upperBound
    while !pair.isEmpty, isBlank(value[pair.lowerBound]) { pair = pair.lowerBound + 1..<pair.upperBound }
    while !pair.isEmpty, isBlank(value[pair.upperBound - 1]) { pair = pair.lowerBound..<pair.upperBound - 1 }
    return pair
  }

  private static func isBlank(_ byte: UInt8) -> Bool { byte == ByteClass.space || byte == ByteClass.tab }

  /// Where the value of a pair begins, if the pair is exactly ours.
  private func valueStart(_ value: ArraySlice<UInt8>, _ pair: Range<Int>) -> Int? {
    guard pair.count > name.count, value[pair.lowerBound + name.count] == 0x3D else { return nil }
    var index = pair.lowerBound
    for byte in name {
      guard value[index] == byte else { return nil }
      index += 1
    }
    return index + 1
  }
}
