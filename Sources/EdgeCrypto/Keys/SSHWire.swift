/// Reads the data types of RFC 4251 section 5, as far as key files use them.
struct SSHWireReader {
  private var remaining: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) { remaining = bytes }

  var isAtEnd: Bool { remaining.isEmpty }
  var rest: ArraySlice<UInt8> { remaining }

  mutating func number() throws(CryptoError) -> UInt32 {
    guard remaining.count >= 4 else { throw CryptoError(.malformed, "The key ends too early.") }
    let value = remaining.prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    remaining = remaining.dropFirst(4)
    return value
  }

  mutating func string() throws(CryptoError) -> [UInt8] {
    let count = Int(try number())
    guard count <= remaining.count else { throw CryptoError(.malformed, "The key ends too early.") }
    defer { remaining = remaining.dropFirst(count) }
    return Array(remaining.prefix(count))
  }

  mutating func text() throws(CryptoError) -> String { String(decoding: try string(), as: UTF8.self) }

  /// The magnitude of a number that must not be negative.
  mutating func mpint() throws(CryptoError) -> [UInt8] {
    let bytes = try string()
    guard bytes.first.map({ $0 < 0x80 }) ?? true else {
      throw CryptoError(.malformed, "The key holds a negative number.")
    }
    return magnitude(bytes)
  }
}

/// Writes the same.
struct SSHWireWriter {
  var bytes: [UInt8] = []

  mutating func number(_ value: UInt32) {
    for shift in [UInt32(24), 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
  }

  mutating func string(_ value: [UInt8]) {
    number(UInt32(value.count))
    bytes += value
  }

  mutating func string(_ value: String) { string(Array(value.utf8)) }

  mutating func mpint(_ value: [UInt8]) {
    let bytes = magnitude(value)
    string(bytes.first.map { $0 >= 0x80 } == true ? [0] + bytes : bytes)
  }
}
