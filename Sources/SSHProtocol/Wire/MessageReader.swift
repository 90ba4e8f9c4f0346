import NIOCore

/// Reads one message field by field. Every failure names the message, what was expected and what came.
package struct MessageReader {
  private var buffer: ByteBuffer
  private let message: String

  /// `payload` without its message number.
  package init(_ payload: ByteBuffer, _ message: String) {
    self.buffer = payload
    self.message = message
  }

  /// `payload` with its message number, which is skipped.
  package init(message payload: ByteBuffer, _ message: String) {
    self.buffer = payload
    self.buffer.moveReaderIndex(forwardBy: min(1, payload.readableBytes))
    self.message = message
  }

  package var remaining: ByteBuffer { buffer }
  package var remainingCount: Int { buffer.readableBytes }

  package mutating func byte(_ field: String) throws(SSHError) -> UInt8 {
    guard let value = buffer.readInteger(as: UInt8.self) else { throw missing(field) }
    return value
  }

  package mutating func boolean(_ field: String) throws(SSHError) -> Bool {
    // RFC 4251 §5: all values but zero are true.
    try byte(field) != 0
  }

  package mutating func uint32(_ field: String) throws(SSHError) -> UInt32 {
    guard let value = buffer.readInteger(as: UInt32.self) else { throw missing(field) }
    return value
  }

  package mutating func uint64(_ field: String) throws(SSHError) -> UInt64 {
    guard let value = buffer.readInteger(as: UInt64.self) else { throw missing(field) }
    return value
  }

  package mutating func slice(_ field: String, limit: Int) throws(SSHError) -> ByteBuffer {
    let count = Int(try uint32(field))
    guard count <= limit else { throw failure("\(field) of at most \(limit) bytes", "\(count)") }
    guard let slice = buffer.readSlice(length: count) else {
      throw failure("\(field) of \(count) bytes", "\(buffer.readableBytes)")
    }
    return slice
  }

  package mutating func bytes(_ field: String, limit: Int) throws(SSHError) -> [UInt8] {
    try slice(field, limit: limit).bytes
  }

  package mutating func fixed(_ field: String, count: Int) throws(SSHError) -> [UInt8] {
    guard let bytes = buffer.readBytes(length: count) else { throw missing(field) }
    return bytes
  }

  /// Text that must be valid UTF-8. The bytes are kept as they came; nothing is normalised.
  package mutating func text(_ field: String, limit: Int) throws(SSHError) -> String {
    let bytes = try bytes(field, limit: limit)
    guard let text = String(validating: bytes, as: UTF8.self) else { throw failure("\(field) in UTF-8", "other bytes") }
    return text
  }

  package mutating func nameList(_ field: String, limits: SSHLimits) throws(SSHError) -> [String] {
    var bytes = try bytes(field, limit: limits.packetBeforeAuthentication)
    // libssh up to 0.10 ends its list of ciphers with a comma.
    if bytes.count > 1, bytes.last == UInt8(ascii: ",") { bytes.removeLast() }
    guard !bytes.isEmpty else { return [] }
    var names: [String] = []
    for name in bytes.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
      guard !name.isEmpty, name.count <= limits.nameLength else {
        throw failure("names of 1 to \(limits.nameLength) bytes in \(field)", "\(name.count) bytes")
      }
      guard names.count < limits.namesPerList else {
        throw failure("at most \(limits.namesPerList) names in \(field)", "more")
      }
      guard name.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
        throw failure("printable ASCII names in \(field)", "other bytes")
      }
      names.append(String(decoding: name, as: UTF8.self))
    }
    return names
  }

  /// The magnitude of a positive mpint, without leading zeros: always hashed in this canonical value.
  package mutating func multiplePrecision(_ field: String, limits: SSHLimits) throws(SSHError) -> [UInt8] {
    let bytes = try bytes(field, limit: limits.multiplePrecisionBits / 8 + 1)
    if let first = bytes.first, first & 0x80 != 0 { throw failure("a positive \(field)", "a negative one") }
    return Array(bytes.drop { $0 == 0 })
  }

  /// Nothing may follow.
  package func end() throws(SSHError) {
    guard buffer.readableBytes == 0 else { throw failure("the end", "\(buffer.readableBytes) more bytes") }
  }

  package func failure(_ expected: String, _ got: String) -> SSHError {
    .malformed(message, expected: expected, got: got)
  }

  private func missing(_ field: String) -> SSHError {
    failure(field, "the end of the message")
  }
}
