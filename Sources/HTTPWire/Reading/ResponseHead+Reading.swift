import NIOCore

extension ResponseHead {
  /// Reads a head that has come whole, and takes its bytes from the buffer.
  init(reading buffer: inout ByteBuffer, answering method: RequestMethod, limits: HeadLimits) throws(WireError) {
    var fields: [HeaderList.Field] = []
    fields.reserveCapacity(16)
    let line = try StatusLine(buffer.readableBytesUInt8Span, limits: limits)
    let length = try FieldSection.parse(
      buffer.readableBytesUInt8Span, from: line.end, maximum: limits.fieldCount, into: &fields)
    guard let bytes = buffer.readBytes(length: length) else { throw .truncated }
    status = line.status
    version = line.version
    headers = HeaderList(bytes: bytes, fields: fields)
    reason =
      bytes[line.reason].elementsEqual([0x4F, 0x4B])
      ? "OK" : String(decoding: bytes[line.reason], as: UTF8.self)
    keepsAlive = version == .http11
    framing = .none
    if headers.contains(.connection) {
      if headers.listContains(.connection, "close") {
        keepsAlive = false
      } else if version == .http10 {
        keepsAlive = headers.listContains(.connection, "keep-alive")
      }
    }
    framing = try Self.framing(of: headers, status: status, version: version, answering: method)
    if framing == .untilClose { keepsAlive = false }
    // A message that may not have a body announces one: whoever wrote it may also send it.
    if status == 204 || isInterim || status == 101,
      headers.contains(.contentLength) || headers.contains(.transferEncoding)
    {
      if let field = headers.firstField(.contentLength), headers.valueEquals(field, "0") { return }
      keepsAlive = false
    }
  }

  /// RFC 9112 section 6.3.
  private static func framing(
    of headers: HeaderList, status: Int, version: HTTPVersion, answering method: RequestMethod
  ) throws(WireError) -> BodyFraming {
    let framing = try BodyFraming.told(by: headers, version: version) ?? .untilClose
    if method == .head || status < 200 || status == 204 || status == 304 { return .none }
    return framing
  }
}

/// `version SP status SP [reason] CRLF` (RFC 9112 section 4).
struct StatusLine {
  var version: HTTPVersion
  var status: Int
  var reason: Range<Int>
  var end: Int

  init(_ bytes: Span<UInt8>, limits: HeadLimits) throws(WireError) {
    var index: Int
    (version, index) = try RequestLine.version(bytes, from: 0)
    let count = bytes.count
    guard index + 4 < count, bytes[index] == ByteClass.space, let hundreds = ByteClass.digit(bytes[index + 1]),
      let tens = ByteClass.digit(bytes[index + 2]), let ones = ByteClass.digit(bytes[index + 3])
    else { throw .malformed("status is not three digits") }
    status = Int(hundreds) * 100 + Int(tens) * 10 + Int(ones)
    guard status >= 100, status <= 599 else { throw .malformed("status outside 100 to 599") }
    index += 4
    // Some servers leave out the blank when there is no reason.
    if bytes[index] == ByteClass.space {
      index += 1
    } else if bytes[index] != ByteClass.carriageReturn {
      throw .malformed("status is not three digits")
    }
    let start = index
    while index < count, ByteClass.isFieldValue(bytes[index]) { index += 1 }
    guard index - start <= limits.reasonLength else { throw .headTooLarge }
    reason = start..<index
    guard index + 1 < count, bytes[index] == ByteClass.carriageReturn, bytes[index + 1] == ByteClass.lineFeed else {
      throw .malformed("status line with a control character or without CR LF")
    }
    end = index + 2
  }
}
