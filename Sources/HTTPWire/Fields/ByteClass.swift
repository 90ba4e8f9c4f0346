/// Which bytes may stand where (RFC 9110 section 5.6, RFC 9112). Bit masks instead of tables: no memory, no branches missed.
package enum ByteClass {
  package static let tab: UInt8 = 0x09
  package static let lineFeed: UInt8 = 0x0A
  package static let carriageReturn: UInt8 = 0x0D
  package static let space: UInt8 = 0x20
  package static let colon: UInt8 = 0x3A
  package static let slash: UInt8 = 0x2F
  package static let questionMark: UInt8 = 0x3F

  /// `! # $ % & ' * + - . 0-9` in the lower half, `A-Z ^ _ \` a-z | ~` in the upper.
  private static let tokenLow: UInt64 = 0x03FF_6CFA_0000_0000
  private static let tokenHigh: UInt64 = 0x57FF_FFFF_C7FF_FFFE

  /// A byte of a token: method and field names.
  @inline(__always)
  package static func isToken(_ byte: UInt8) -> Bool {
    if byte < 64 { return tokenLow >> UInt64(byte) & 1 == 1 }
    return byte < 128 && tokenHigh >> UInt64(byte & 63) & 1 == 1
  }

  /// A byte of a field value: visible, blank, tab or beyond ASCII. Never NUL, CR, LF or another control.
  @inline(__always)
  package static func isFieldValue(_ byte: UInt8) -> Bool {
    (byte >= 0x20 && byte != 0x7F) || byte == tab
  }

  /// A byte of a request target: visible ASCII.
  @inline(__always)
  package static func isVisible(_ byte: UInt8) -> Bool { byte > 0x20 && byte < 0x7F }

  @inline(__always)
  package static func lowercased(_ byte: UInt8) -> UInt8 {
    byte &- 0x41 < 26 ? byte | 0x20 : byte
  }

  /// The name as the careless fold it: lower case, `_` as `-` (security rule 22).
  @inline(__always)
  package static func folded(_ byte: UInt8) -> UInt8 {
    byte == 0x5F ? 0x2D : lowercased(byte)
  }

  @inline(__always)
  package static func digit(_ byte: UInt8) -> UInt8? { byte &- 0x30 < 10 ? byte &- 0x30 : nil }

  @inline(__always)
  package static func hexDigit(_ byte: UInt8) -> UInt8? {
    if byte &- 0x30 < 10 { return byte &- 0x30 }
    let lower = byte | 0x20
    return lower &- 0x61 < 6 ? lower &- 0x61 + 10 : nil
  }
}
