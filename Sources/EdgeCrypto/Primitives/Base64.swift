/// Base64 (RFC 4648 sections 4 and 5). Decoding is strict: one spelling for each byte string.
package enum Base64 {
  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  private static let urlAlphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
  private static let values = table(of: alphabet)
  private static let urlValues = table(of: urlAlphabet)
  private static let none: UInt8 = 0xff

  package static func encode(_ bytes: [UInt8]) -> String { encode(bytes, alphabet, padded: true) }

  /// The URL alphabet, without padding.
  package static func encodeURL(_ bytes: [UInt8]) -> String { encode(bytes, urlAlphabet, padded: false) }

  package static func decode(_ text: String) -> [UInt8]? {
    var digits = Array(text.utf8)
    guard digits.count % 4 == 0 else { return nil }
    for _ in 0..<2 where digits.last == UInt8(ascii: "=") { digits.removeLast() }
    return decode(digits, values)
  }

  package static func decodeURL(_ text: String) -> [UInt8]? { decode(Array(text.utf8), urlValues) }

  /// For files and environment variables that people write: white space and missing padding do not matter.
  package static func decodeLenient(_ text: String) -> [UInt8]? {
    var digits = text.utf8.filter { $0 != 0x20 && $0 != 0x0a && $0 != 0x0d && $0 != 0x09 }
    for _ in 0..<2 where digits.last == UInt8(ascii: "=") { digits.removeLast() }
    return decode(digits, values)
  }

  private static func table(of alphabet: [UInt8]) -> [UInt8] {
    var table = [UInt8](repeating: none, count: 256)
    for (value, digit) in alphabet.enumerated() { table[Int(digit)] = UInt8(value) }
    return table
  }

  private static func encode(_ bytes: [UInt8], _ alphabet: [UInt8], padded: Bool) -> String {
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count + 2) / 3 * 4)
    var index = 0
    while index < bytes.count {
      let group = min(3, bytes.count - index)
      var word = UInt32(bytes[index]) << 16
      if group > 1 { word |= UInt32(bytes[index + 1]) << 8 }
      if group > 2 { word |= UInt32(bytes[index + 2]) }
      for digit in 0...group { text.append(alphabet[Int(word >> (18 - 6 * UInt32(digit))) & 63]) }
      if padded { for _ in group..<3 { text.append(UInt8(ascii: "=")) } }
      index += 3
    }
    return String(decoding: text, as: UTF8.self)
  }

  private static func decode(_ digits: [UInt8], _ values: [UInt8]) -> [UInt8]? {
    guard digits.count % 4 != 1 else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(digits.count * 3 / 4)
    var word: UInt32 = 0
    var bits = 0
    for digit in digits {
      let value = values[Int(digit)]
      guard value != none else { return nil }
      word = word << 6 | UInt32(value)
      bits += 6
      if bits >= 8 {
        bits -= 8
        bytes.append(UInt8(truncatingIfNeeded: word >> UInt32(bits)))
      }
      word &= 0xff
    }
    // The bits that belong to no byte must be zero, or two texts would mean the same.
    guard word & (1 << UInt32(bits) - 1) == 0 else { return nil }
    return bytes
  }
}
