import NIOHPACK

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
  private var cookies: [String] = []
  private(set) var contentLength: UInt64?

  /// All Cookie fields in one (RFC 9113 section 8.2.3).
  var cookie: String? { cookies.isEmpty ? nil : cookies.joined(separator: "; ") }

  init(_ section: HPACKHeaders, as purpose: Purpose, limits: HTTP2Limits) throws(WireError) {
    var isPastPseudoFields = false
    var count = 0
    for (name, value, _) in section {
      // Browsers make a field of each cookie; together they count as the one they become.
      if name != "cookie" || cookies.isEmpty { count += 1 }
      guard count <= limits.fieldCount else { throw .headTooLarge }
      if name.utf8.first == ByteClass.colon {
        guard !isPastPseudoFields, purpose != .trailers else { throw .malformed("pseudo-header field out of place") }
        try takePseudoField(name, value, as: purpose)
      } else {
        isPastPseudoFields = true
        try takeField(name, value)
      }
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

  private mutating func takeField(_ name: String, _ value: String) throws(WireError) {
    for byte in name.utf8 where !ByteClass.isToken(byte) || byte &- 0x41 < 26 {
      throw .malformed("field name is not a token in lower case")
    }
    try Self.check(value)
    switch name {
    case "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade", "http2-settings":
      throw .malformed("field of a single connection")
    case "te":
      guard value.lowercased() == "trailers" else { throw .malformed("TE other than trailers") }
      fields.add(name, value)
    case "host":
      guard host == nil else { throw .malformed("more than one Host field") }
      host = value
    case "cookie":
      cookies.append(value)
    case "content-length":
      guard contentLength == nil else { throw .malformed("more than one Content-Length field") }
      guard let length = ContentLength.parse(Array(value.utf8)[...]) else {
        throw .malformed("Content-Length is not a number")
      }
      contentLength = length
      fields.add(name, value)
    default:
      fields.add(name, value)
    }
  }

  /// RFC 9113 section 8.2.1: no control character, no blank at either end.
  private static func check(_ value: String) throws(WireError) {
    var last: UInt8 = 0
    for byte in value.utf8 {
      guard ByteClass.isFieldValue(byte) else { throw .malformed("field value with a control character") }
      last = byte
    }
    guard let first = value.utf8.first else { return }
    for byte in [first, last] where byte == ByteClass.space || byte == ByteClass.tab {
      throw .malformed("field value with a blank at its end")
    }
  }
}
