import NIOCore

/// Reads the chunked coding (RFC 9112 section 7.1).
///
///      size ──▶ data ──▶ dataEnd ─┐
///       ▲ │                       │
///       │ └─ 0 ──▶ trailers ──▶ ended
///       └─────────────────────────┘
struct ChunkedReader: Sendable {
  private enum State {
    case size
    case data(remaining: UInt64)
    case dataEnd
    case trailers(HeadScanner)
    case ended
  }

  private var state = State.size
  /// How much of the line at the front of the buffer was looked at already.
  private var scanned = 0
  private var extensionBytes = 0

  mutating func next(from buffer: inout ByteBuffer, limits: HeadLimits) throws(WireError) -> BodyReader.Event? {
    while true {
      switch state {
      case .size:
        guard let size = try readSize(&buffer, limits: limits) else { return nil }
        state = size == 0 ? .trailers(HeadScanner()) : .data(remaining: size)
      case .data(let remaining):
        guard buffer.readableBytes > 0 else { return nil }
        let count = Int(min(remaining, UInt64(buffer.readableBytes)))
        guard let bytes = buffer.readSlice(length: count) else { return nil }
        state = remaining == UInt64(count) ? .dataEnd : .data(remaining: remaining - UInt64(count))
        return .bytes(bytes)
      case .dataEnd:
        guard try Self.skipLineEnd(&buffer) else { return nil }
        state = .size
      case .trailers(var scanner):
        guard let trailers = try readTrailers(&buffer, scanner: &scanner, limits: limits) else {
          state = .trailers(scanner)
          return nil
        }
        state = .ended
        if !trailers.isEmpty { return .trailers(trailers) }
      case .ended:
        return .end
      }
    }
  }

  /// `1*HEXDIG [ chunk-ext ] CRLF`. Extensions are dropped; their bytes are counted.
  private mutating func readSize(_ buffer: inout ByteBuffer, limits: HeadLimits) throws(WireError) -> UInt64? {
    let count = buffer.readableBytes
    while scanned < count, buffer.readableBytesUInt8Span[scanned] != ByteClass.lineFeed {
      scanned += 1
      guard scanned < limits.chunkLineLength else { throw .malformed("chunk-size line too long") }
    }
    guard scanned < count else { return nil }
    let lineLength = scanned
    scanned = 0
    let size = try parseSize(buffer.readableBytesUInt8Span, lineLength: lineLength)
    buffer.moveReaderIndex(forwardBy: lineLength + 1)
    guard extensionBytes <= limits.chunkExtensionBytes else { throw .malformed("too many chunk extensions") }
    return size
  }

  private mutating func parseSize(_ bytes: Span<UInt8>, lineLength: Int) throws(WireError) -> UInt64 {
    guard lineLength > 0, bytes[lineLength - 1] == ByteClass.carriageReturn else {
      throw .malformed("chunk-size line ends with LF alone")
    }
    var size: UInt64 = 0
    var index = 0
    while index < lineLength - 1, let digit = ByteClass.hexDigit(bytes[index]) {
      // 15 digits cannot overflow an Int.
      guard index < 15 else { throw .malformed("chunk size too large") }
      size = size << 4 | UInt64(digit)
      index += 1
    }
    guard index > 0 else { throw .malformed("chunk size is not a hexadecimal number") }
    guard index < lineLength - 1 else { return size }
    extensionBytes += lineLength - 1 - index
    try Self.checkExtensions(bytes, from: index, to: lineLength - 1)
    return size
  }

  /// `*( ";" name [ "=" ( token / quoted-string ) ] )`. Without the blanks that RFC 9112 calls bad and readers disagree about.
  private static func checkExtensions(_ bytes: Span<UInt8>, from start: Int, to end: Int) throws(WireError) {
    var index = start
    func skipToken() -> Bool {
      let start = index
      while index < end, ByteClass.isToken(bytes[index]) { index += 1 }
      return index > start
    }
    while index < end {
      guard bytes[index] == 0x3B else { throw .malformed("chunk size followed by something else than an extension") }
      index += 1
      guard skipToken() else { throw .malformed("chunk extension without a name") }
      guard index < end, bytes[index] == 0x3D else { continue }
      index += 1
      if index < end, bytes[index] == 0x22 {
        index += 1
        while index < end, bytes[index] != 0x22 {
          if bytes[index] == 0x5C { index += 1 }
          guard index < end, ByteClass.isFieldValue(bytes[index]) else { throw .malformed("broken chunk extension") }
          index += 1
        }
        guard index < end else { throw .malformed("chunk extension without a closing quote") }
        index += 1
      } else if !skipToken() {
        throw .malformed("chunk extension without a value")
      }
    }
  }

  private static func skipLineEnd(_ buffer: inout ByteBuffer) throws(WireError) -> Bool {
    let count = buffer.readableBytes
    guard count > 0 else { return false }
    guard buffer.readableBytesUInt8Span[0] == ByteClass.carriageReturn else {
      throw .malformed("chunk data is not followed by CR LF")
    }
    guard count > 1 else { return false }
    guard buffer.readableBytesUInt8Span[1] == ByteClass.lineFeed else {
      throw .malformed("chunk data is not followed by CR LF")
    }
    buffer.moveReaderIndex(forwardBy: 2)
    return true
  }

  private func readTrailers(
    _ buffer: inout ByteBuffer, scanner: inout HeadScanner, limits: HeadLimits
  ) throws(WireError) -> HeaderList? {
    var bounded = limits
    bounded.headLength = limits.trailerLength
    bounded.fieldCount = limits.trailerCount
    bounded.targetLength = limits.trailerLength
    guard buffer.readableBytes >= 2 else { return nil }
    let isEmpty =
      buffer.readableBytesUInt8Span[0] == ByteClass.carriageReturn
      && buffer.readableBytesUInt8Span[1] == ByteClass.lineFeed
    if isEmpty {
      buffer.moveReaderIndex(forwardBy: 2)
      return HeaderList()
    }
    do {
      guard try scanner.headLength(in: buffer.readableBytesUInt8Span, limits: bounded) != nil else { return nil }
    } catch {
      throw error == .targetTooLong ? .headTooLarge : error
    }
    var fields: [HeaderList.Field] = []
    let length = try FieldSection.parse(
      buffer.readableBytesUInt8Span, from: 0, maximum: limits.trailerCount, into: &fields)
    guard let bytes = buffer.readBytes(length: length) else { return nil }
    return HeaderList(bytes: bytes, fields: fields)
  }
}
