import NIOCore

/// The fields of a section as bytes, in order, before anything about them is judged.
package struct FieldLines: Sendable {
  package struct Line: Sendable {
    var name: Range<Int>
    var value: Range<Int>
  }

  fileprivate(set) var bytes: [UInt8] = []
  package fileprivate(set) var lines: [Line] = []
  /// With 32 bytes for each field (RFC 9113 section 6.5.2).
  fileprivate(set) var listBytes = 0

  package func name(_ line: Line) -> ArraySlice<UInt8> { bytes[line.name] }
  package func value(_ line: Line) -> ArraySlice<UInt8> { bytes[line.value] }
}

/// Reads field sections in HPACK (RFC 7541), keeping the table that the peer builds. Bytes stay as they are: values need not be
/// UTF-8.
package struct FieldSectionReader: Sendable {
  private var table = CompressionTable()
  /// Beyond it the section is a bomb.
  private let largestListBytes: Int

  package init(largestListBytes: Int) { self.largestListBytes = largestListBytes }

  package mutating func read(_ buffer: ByteBuffer) throws(HTTP2Error) -> FieldLines {
    let bytes = buffer.readableBytesUInt8Span
    var lines = FieldLines()
    lines.bytes.reserveCapacity(min(bytes.count * 2, largestListBytes))
    lines.lines.reserveCapacity(16)
    var index = 0
    var updates = 0
    while index < bytes.count {
      let first = bytes[index]
      if first & 0x80 != 0 {
        let entry = try entry(try Self.integer(bytes, &index, prefix: 7))
        append(entry.bytes[...], nameLength: entry.nameLength, to: &lines)
      } else if first & 0x40 != 0 {
        let line = try literal(bytes, &index, prefix: 6, into: &lines)
        table.add(
          .init(bytes: Array(lines.bytes[line.name.lowerBound..<line.value.upperBound]), nameLength: line.name.count))
      } else if first & 0x20 != 0 {
        // Section 4.2: only before the first field, and two say everything: the smallest size meanwhile, and the last.
        updates += 1
        guard lines.lines.isEmpty, updates <= 2, table.resize(to: try Self.integer(bytes, &index, prefix: 5)) else {
          throw Self.mistake
        }
      } else {
        _ = try literal(bytes, &index, prefix: 4, into: &lines)
      }
      guard lines.listBytes <= largestListBytes else {
        throw HTTP2Error(.enhanceYourCalm, "a field section that grows beyond all bounds")
      }
    }
    return lines
  }

  private static let mistake = HTTP2Error(.compressionError, "a field section that cannot be decompressed")

  private func entry(_ number: Int) throws(HTTP2Error) -> CompressionTable.Entry {
    guard let entry = table[number] else { throw Self.mistake }
    return entry
  }

  private func append(_ bytes: ArraySlice<UInt8>, nameLength: Int, to lines: inout FieldLines) {
    let start = lines.bytes.count
    lines.bytes += bytes
    Self.note(start, start + nameLength, &lines)
  }

  /// The name began at `start` and the value at `middle`; it ends where the bytes end.
  @discardableResult
  private static func note(_ start: Int, _ middle: Int, _ lines: inout FieldLines) -> FieldLines.Line {
    let line = FieldLines.Line(name: start..<middle, value: middle..<lines.bytes.count)
    lines.lines.append(line)
    lines.listBytes += lines.bytes.count - start + 32
    return line
  }

  /// Section 6.2: a name by its number or as it is, then a value.
  private func literal(
    _ bytes: Span<UInt8>, _ index: inout Int, prefix: Int, into lines: inout FieldLines
  ) throws(HTTP2Error) -> FieldLines.Line {
    let start = lines.bytes.count
    let number = try Self.integer(bytes, &index, prefix: prefix)
    if number == 0 {
      try Self.string(bytes, &index, into: &lines.bytes)
    } else {
      lines.bytes += try entry(number).name
    }
    let middle = lines.bytes.count
    try Self.string(bytes, &index, into: &lines.bytes)
    return Self.note(start, middle, &lines)
  }

  /// Section 5.1.
  private static func integer(_ bytes: Span<UInt8>, _ index: inout Int, prefix: Int) throws(HTTP2Error) -> Int {
    let limit = (1 << prefix) - 1
    guard index < bytes.count else { throw mistake }
    var value = Int(bytes[index]) & limit
    index += 1
    guard value == limit else { return value }
    var shift = 0
    while index < bytes.count, shift <= 21 {
      let byte = bytes[index]
      index += 1
      value += Int(byte & 0x7F) << shift
      if byte & 0x80 == 0 { return value }
      shift += 7
    }
    throw mistake
  }

  /// Section 5.2.
  private static func string(
    _ bytes: Span<UInt8>, _ index: inout Int, into out: inout [UInt8]
  ) throws(HTTP2Error) {
    guard index < bytes.count else { throw mistake }
    let isCoded = bytes[index] & 0x80 != 0
    let length = try integer(bytes, &index, prefix: 7)
    guard length <= bytes.count - index else { throw mistake }
    let range = index..<index + length
    index += length
    if isCoded {
      guard HuffmanCode.shared.decode(bytes, range, into: &out) else { throw mistake }
    } else {
      for place in range { out.append(bytes[place]) }
    }
  }
}
