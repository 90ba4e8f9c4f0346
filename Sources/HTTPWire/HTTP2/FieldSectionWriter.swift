import NIOCore

/// Writes field sections in HPACK without a compression table (RFC 7541 section 6): names and values that stand in the static
/// table as a number, everything else as it is. As nginx does: a table would cost more, for each response and each
/// connection, than the bytes it saves.
struct FieldSectionWriter {
  private(set) var buffer = ByteBuffer()

  private enum Form: UInt8 {
    /// Section 6.2.2.
    case withoutIndexing = 0x00
    /// Section 6.2.3: what nobody on the way may keep either.
    case neverIndexed = 0x10
  }

  mutating func clear() { buffer.clear() }

  /// Our compression table has no room, whatever the peer allows (section 6.3).
  mutating func writeEmptyTable() { buffer.writeInteger(UInt8(0x20)) }

  mutating func writeStatus(_ status: Int) {
    switch status {
    case 200: buffer.writeInteger(UInt8(0x88))
    case 204: buffer.writeInteger(UInt8(0x89))
    case 206: buffer.writeInteger(UInt8(0x8A))
    case 304: buffer.writeInteger(UInt8(0x8B))
    case 400: buffer.writeInteger(UInt8(0x8C))
    case 404: buffer.writeInteger(UInt8(0x8D))
    case 500: buffer.writeInteger(UInt8(0x8E))
    default:
      buffer.writeInteger(UInt8(0x08))
      buffer.writeInteger(UInt8(3))
      for divisor in [100, 10, 1] { buffer.writeInteger(UInt8(truncatingIfNeeded: 0x30 + status / divisor % 10)) }
    }
  }

  /// A pseudo-header field of a request, by its number in the static table.
  mutating func writeMethod(_ method: RequestMethod) {
    switch method {
    case .get: buffer.writeInteger(UInt8(0x82))
    case .post: buffer.writeInteger(UInt8(0x83))
    default: writeNumbered(2, method.text)
    }
  }

  mutating func writeScheme(_ scheme: String) { buffer.writeInteger(scheme == "http" ? UInt8(0x86) : 0x87) }
  mutating func writeAuthority(_ authority: String) { writeNumbered(1, authority) }
  mutating func writePath(_ path: String) { writeNumbered(4, path) }

  /// RFC 8441 section 4; not in the static table.
  mutating func writeProtocol(_ name: String) {
    buffer.writeInteger(Form.withoutIndexing.rawValue)
    for text in [":protocol", name] {
      writeInteger(text.utf8.count, prefix: 7, first: 0)
      buffer.writeString(text)
    }
  }

  /// The fields of the mask, or all however many, without those of a single connection (RFC 9113 section 8.2.2).
  mutating func write(_ list: HeaderList, mask: FieldMask? = nil) {
    for (index, field) in list.fields.enumerated() where mask?.contains(index) ?? true {
      switch field.kind {
      case .connection, .keepAlive, .transferEncoding, .upgrade, .proxyConnection, .http2Settings, .host: continue
      default: break
      }
      let form = field.kind.isSecret ? Form.neverIndexed : .withoutIndexing
      if let number = field.kind.staticNumber {
        writeInteger(number, prefix: 4, first: form.rawValue)
      } else {
        buffer.writeInteger(form.rawValue)
        writeInteger(Int(field.nameLength), prefix: 7, first: 0)
        for byte in list.bytes[field.nameRange] { buffer.writeInteger(ByteClass.lowercased(byte)) }
      }
      writeInteger(Int(field.valueLength), prefix: 7, first: 0)
      buffer.writeBytes(list.bytes[field.valueRange])
    }
  }

  mutating func writeContentLength(_ length: UInt64) { writeNumbered(28, String(length)) }

  private mutating func writeNumbered(_ number: Int, _ value: String) {
    writeInteger(number, prefix: 4, first: Form.withoutIndexing.rawValue)
    writeInteger(value.utf8.count, prefix: 7, first: 0)
    buffer.writeString(value)
  }

  /// Section 5.1: an integer that begins in the lower bits of a byte.
  private mutating func writeInteger(_ value: Int, prefix: Int, first: UInt8) {
    let limit = (1 << prefix) - 1
    guard value >= limit else {
      buffer.writeInteger(first | UInt8(truncatingIfNeeded: value))
      return
    }
    buffer.writeInteger(first | UInt8(truncatingIfNeeded: limit))
    var rest = value - limit
    while rest >= 128 {
      buffer.writeInteger(UInt8(truncatingIfNeeded: rest & 127 | 128))
      rest >>= 7
    }
    buffer.writeInteger(UInt8(truncatingIfNeeded: rest))
  }
}

extension KnownField {
  /// The first entry of this name in the static table (RFC 7541 appendix A).
  fileprivate var staticNumber: Int? {
    switch self {
    case .acceptEncoding: 16
    case .accept: 19
    case .authorization: 23
    case .contentLength: 28
    case .contentType: 31
    case .cookie: 32
    case .date: 33
    case .expect: 35
    case .proxyAuthenticate: 48
    case .referer: 51
    case .server: 54
    case .setCookie: 55
    case .strictTransportSecurity: 56
    case .userAgent: 58
    case .wwwAuthenticate: 61
    default: nil
    }
  }

  fileprivate var isSecret: Bool { self == .setCookie || self == .authorization || self == .cookie }
}
