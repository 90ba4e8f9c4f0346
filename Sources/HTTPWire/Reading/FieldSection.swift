/// Reads field lines up to the empty one (RFC 9112 section 5).
enum FieldSection {
  /// Appends the fields from `start` on and returns the offset behind the empty line.
  static func parse(
    _ bytes: Span<UInt8>, from start: Int, maximum: Int, into fields: inout [HeaderList.Field]
  ) throws(WireError) -> Int {
    var index = start
    let count = bytes.count
    while true {
      guard index + 1 < count else { throw .malformed("head ends without an empty line") }
      if bytes[index] == ByteClass.carriageReturn {
        guard bytes[index + 1] == ByteClass.lineFeed else { throw .malformed("CR without LF") }
        return index + 2
      }
      guard fields.count < maximum else { throw .headTooLarge }
      index = try parseLine(bytes, from: index, into: &fields)
    }
  }

  /// One `name: value` line. No blank before the colon, no folding, no control characters, CR LF at the end.
  @inline(__always)
  private static func parseLine(
    _ bytes: Span<UInt8>, from start: Int, into fields: inout [HeaderList.Field]
  ) throws(WireError) -> Int {
    let count = bytes.count
    var index = start
    var packed = PackedName()
    while index < count {
      let byte = bytes[index]
      guard ByteClass.isToken(byte) else { break }
      packed.append(lowercased: ByteClass.lowercased(byte))
      index += 1
    }
    guard index < count, bytes[index] == ByteClass.colon, packed.length > 0 else {
      throw .malformed(
        index == start && index < count && (bytes[index] == ByteClass.space || bytes[index] == ByteClass.tab)
          ? "folded field line" : "field name is not a token followed by a colon")
    }
    index += 1
    let afterColon = index
    while index < count, bytes[index] == ByteClass.space || bytes[index] == ByteClass.tab { index += 1 }
    let valueStart = index
    while index < count, ByteClass.isFieldValue(bytes[index]) { index += 1 }
    guard index + 1 < count, bytes[index] == ByteClass.carriageReturn, bytes[index + 1] == ByteClass.lineFeed else {
      throw .malformed("field value with a control character or without CR LF")
    }
    let lineEnd = index
    var valueEnd = lineEnd
    while valueEnd > valueStart, bytes[valueEnd - 1] == ByteClass.space || bytes[valueEnd - 1] == ByteClass.tab {
      valueEnd -= 1
    }
    fields.append(
      HeaderList.Field(
        nameStart: UInt32(truncatingIfNeeded: start), nameLength: UInt32(truncatingIfNeeded: packed.length),
        valueStart: UInt32(truncatingIfNeeded: valueStart),
        valueLength: UInt32(truncatingIfNeeded: valueEnd - valueStart),
        kind: KnownField.matching(packed, in: bytes, at: start),
        isCanonical: valueStart == afterColon + 1 && bytes[afterColon] == ByteClass.space && valueEnd == lineEnd))
    return lineEnd + 2
  }
}
