/// A decoded field section, taken apart: the pseudo-header fields, and the others checked and in one list
/// (RFC 9113 sections 8.2 and 8.3).
struct HTTP2FieldSection {
  enum Purpose {
    case request
    case response
    case trailers
  }

  private(set) var method: String?
  private(set) var scheme: String?
  private(set) var authority: String?
  private(set) var path: String?
  private(set) var protocolName: String?
  private(set) var status: String?
  /// Everything but pseudo fields, Host and Cookie.
  private(set) var fields = HeaderList()
  private(set) var host: String?
  /// All Cookie fields in one (RFC 9113 section 8.2.3).
  private(set) var cookie: [UInt8]?
  private(set) var contentLength: UInt64?

  init(_ section: FieldLines, as purpose: Purpose, limits: HTTP2Limits) throws(WireError) {
    var isPastPseudoFields = false
    var count = 0
    for line in section.lines {
      let isFirstCookie = cookie == nil
      if section.name(line).first == ByteClass.colon {
        guard !isPastPseudoFields, purpose != .trailers else { throw .malformed("pseudo-header field out of place") }
        try takePseudoField(
          String(decoding: section.name(line), as: UTF8.self), String(decoding: section.value(line), as: UTF8.self),
          as: purpose)
        count += 1
      } else {
        isPastPseudoFields = true
        let kind = try takeField(line, of: section)
        // Browsers make a field of each cookie; together they count as the one they become.
        if kind != .cookie || isFirstCookie { count += 1 }
      }
      guard count <= limits.fieldCount else { throw .headTooLarge }
    }
  }

  private mutating func takePseudoField(_ name: String, _ value: String, as purpose: Purpose) throws(WireError) {
    switch (name, purpose) {
    case (":method", .request): try Self.set(&method, value)
    case (":scheme", .request): try Self.set(&scheme, value)
    case (":authority", .request): try Self.set(&authority, value)
    case (":path", .request): try Self.set(&path, value)
    case (":protocol", .request): try Self.set(&protocolName, value)
    case (":status", .response): try Self.set(&status, value)
    default: throw .malformed("unknown pseudo-header field")
    }
  }

  private static func set(_ field: inout String?, _ value: String) throws(WireError) {
    guard field == nil else { throw .malformed("pseudo-header field that comes twice") }
    field = value
  }

  private mutating func takeField(_ line: FieldLines.Line, of section: FieldLines) throws(WireError) -> KnownField {
    let name = section.name(line)
    var packed = PackedName()
    for byte in name {
      guard ByteClass.isToken(byte), byte &- 0x41 >= 26 else {
        throw .malformed("field name is not a token in lower case")
      }
      packed.append(lowercased: byte)
    }
    guard packed.length > 0 else { throw .malformed("field without a name") }
    let value = section.value(line)
    try Self.check(value)
    let kind = KnownField.matching(packed, in: section.bytes.span, at: line.name.lowerBound)
    switch kind {
    case .connection, .proxyConnection, .keepAlive, .transferEncoding, .upgrade, .http2Settings:
      throw .malformed("field of a single connection")
    case .te:
      guard value.map({ ByteClass.lowercased($0) }).elementsEqual("trailers".utf8) else {
        throw .malformed("TE other than trailers")
      }
      fields.append(name: name, value: value, kind)
    case .host:
      guard host == nil else { throw .malformed("more than one Host field") }
      host = String(decoding: value, as: UTF8.self)
    case .cookie:
      // In place: there may be thousands.
      if cookie == nil { cookie = [] } else { cookie?.append(contentsOf: [0x3B, ByteClass.space]) }
      cookie?.append(contentsOf: value)
    case .contentLength:
      guard contentLength == nil else { throw .malformed("more than one Content-Length field") }
      guard let length = ContentLength.parse(value) else { throw .malformed("Content-Length is not a number") }
      contentLength = length
      fields.append(name: name, value: value, kind)
    default:
      fields.append(name: name, value: value, kind)
    }
    return kind
  }

  /// RFC 9113 section 8.2.1: no control character, no blank at either end.
  private static func check(_ value: ArraySlice<UInt8>) throws(WireError) {
    for byte in value where !ByteClass.isFieldValue(byte) {
      throw .malformed("field value with a control character")
    }
    guard let first = value.first, let last = value.last else { return }
    for byte in [first, last] where byte == ByteClass.space || byte == ByteClass.tab {
      throw .malformed("field value with a blank at its end")
    }
  }
}
