import NIOCore

/// Writers for the types of RFC 4251 §5.
extension ByteBuffer {
  package mutating func writeSSHBoolean(_ value: Bool) {
    writeInteger(value ? 1 : 0, as: UInt8.self)
  }

  package mutating func writeSSHString(_ text: String) {
    let utf8 = text.utf8
    writeInteger(UInt32(truncatingIfNeeded: utf8.count))
    writeString(text)
  }

  package mutating func writeSSHString(_ bytes: [UInt8]) {
    writeInteger(UInt32(truncatingIfNeeded: bytes.count))
    writeBytes(bytes)
  }

  package mutating func writeSSHString(_ bytes: ByteBuffer) {
    writeInteger(UInt32(truncatingIfNeeded: bytes.readableBytes))
    writeImmutableBuffer(bytes)
  }

  package mutating func writeNameList(_ names: [String]) {
    writeSSHString(names.joined(separator: ","))
  }

  /// An unsigned magnitude as mpint in its one minimal form: no leading zeros but the one that keeps it positive.
  package mutating func writeMultiplePrecision(_ magnitude: [UInt8]) {
    let digits = magnitude.drop { $0 == 0 }
    guard let first = digits.first else {
      writeInteger(UInt32(0))
      return
    }
    let padded = first & 0x80 != 0
    writeInteger(UInt32(truncatingIfNeeded: digits.count + (padded ? 1 : 0)))
    if padded { writeInteger(UInt8(0)) }
    writeBytes(digits)
  }

  package var bytes: [UInt8] { Array(readableBytesView) }
}
