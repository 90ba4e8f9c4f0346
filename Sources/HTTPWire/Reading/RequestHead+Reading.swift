import NIOCore

extension RequestHead {
  /// Reads a head that has come whole, and takes its bytes from the buffer.
  init(reading buffer: inout ByteBuffer, limits: HeadLimits) throws(WireError) {
    var fields: [HeaderList.Field] = []
    fields.reserveCapacity(16)
    let line = try RequestLine(buffer.readableBytesUInt8Span, limits: limits)
    let length = try FieldSection.parse(
      buffer.readableBytesUInt8Span, from: line.end, maximum: limits.fieldCount, into: &fields)
    guard let bytes = buffer.readBytes(length: length) else { throw .truncated }
    let headers = HeaderList(bytes: bytes, fields: fields)

    method = line.method
    version = line.version
    self.headers = headers
    framing = .none
    expectsContinue = false
    keepsAlive = version == .http11
    authority = nil
    target = ""
    pathLength = 0
    pathShape = []
    try readTarget(bytes[line.target])
    try readAuthority(absolute: authority)
    framing = try BodyFraming.told(by: headers, version: version) ?? BodyFraming.none
    if let expect = headers.firstField(.expect) {
      guard headers.count(.expect) == 1, headers.valueEquals(expect, "100-continue") else { throw .expectationFailed }
      // RFC 9110 section 10.1.1: from an HTTP/1.0 peer it means nothing.
      expectsContinue = version == .http11
    }
    if headers.contains(.connection) {
      if headers.listContains(.connection, "close") {
        keepsAlive = false
      } else if version == .http10 {
        keepsAlive = headers.listContains(.connection, "keep-alive")
      }
    }
  }

  /// Takes the four forms of RFC 9112 section 3.2 apart.
  private mutating func readTarget(_ bytes: ArraySlice<UInt8>) throws(WireError) {
    guard let first = bytes.first else { throw .malformed("empty request target") }
    if method == .connect {
      guard let authority = Authority(bytes), authority.port != nil else {
        throw .malformed("CONNECT target is not host:port")
      }
      self.authority = authority
      setTarget(bytes)
    } else if first == ByteClass.slash {
      setTarget(bytes)
    } else if first == 0x2A, bytes.count == 1 {
      guard method == .options else { throw .malformed("target * outside OPTIONS") }
      setTarget(bytes)
    } else {
      try readAbsolute(bytes)
    }
  }

  private mutating func readAbsolute(_ bytes: ArraySlice<UInt8>) throws(WireError) {
    let scheme = bytes.prefix(8).map { ByteClass.lowercased($0) }
    let start: Int
    if scheme.starts(with: Array("https://".utf8)) {
      start = bytes.startIndex + 8
    } else if scheme.starts(with: Array("http://".utf8)) {
      start = bytes.startIndex + 7
    } else {
      throw .malformed("request target is neither a path nor an http URL")
    }
    let rest = bytes[start...]
    let end = rest.firstIndex { $0 == ByteClass.slash || $0 == ByteClass.questionMark } ?? rest.endIndex
    guard let authority = Authority(rest[..<end]) else { throw .malformed("request target without a valid host") }
    self.authority = authority
    let path = rest[end...]
    if path.first == ByteClass.slash {
      setTarget(path)
    } else {
      // `http://host?query`: the path is empty, which means `/`.
      setTarget([ByteClass.slash] + path)
    }
  }

  private mutating func setTarget(_ bytes: ArraySlice<UInt8>) {
    target = String(decoding: bytes, as: UTF8.self)
    let query = bytes.firstIndex(of: ByteClass.questionMark) ?? bytes.endIndex
    pathLength = query - bytes.startIndex
    pathShape = method == .connect ? [] : PathShape(of: bytes[..<query])
  }

  /// Host: exactly one in HTTP/1.1, at most one in 1.0, and in agreement with an absolute target (stricter than RFC 9112
  /// section 3.2.2, which lets the target win).
  private mutating func readAuthority(absolute: Authority?) throws(WireError) {
    switch headers.count(.host) {
    case 0:
      guard version == .http10 else { throw .malformed("no Host field") }
    case 1:
      guard let field = headers.firstField(.host), let host = Authority(headers.valueBytes(field)) else {
        throw .malformed("Host is not a host name")
      }
      if let absolute, absolute.host != host.host || (absolute.port ?? host.port) != (host.port ?? absolute.port) {
        throw .malformed("request target and Host disagree")
      }
      authority = method == .connect ? absolute : host
    default:
      throw .malformed("more than one Host field")
    }
  }
}

/// `method SP target SP version CRLF` (RFC 9112 section 3), with exactly these blanks.
struct RequestLine {
  var method: RequestMethod
  var target: Range<Int>
  var version: HTTPVersion
  var end: Int

  /// Longer than any registered method.
  static let longestMethod = 32

  init(_ bytes: Span<UInt8>, limits: HeadLimits) throws(WireError) {
    let count = bytes.count
    var index = 0
    while index < count, index <= Self.longestMethod, ByteClass.isToken(bytes[index]) { index += 1 }
    guard index > 0, index < count, bytes[index] == ByteClass.space else { throw .malformed("method is not a token") }
    method = Self.method(bytes, length: index)
    index += 1
    let start = index
    while index < count, ByteClass.isVisible(bytes[index]) {
      // A fragment never goes over the wire (RFC 9112 section 3.2).
      if bytes[index] == 0x23 { throw .malformed("fragment in the request target") }
      index += 1
    }
    guard index > start else { throw .malformed("empty request target") }
    guard index - start <= limits.targetLength else { throw .targetTooLong }
    target = start..<index
    guard index < count, bytes[index] == ByteClass.space else {
      throw .malformed("request target with a byte that may not stand there")
    }
    (version, index) = try Self.version(bytes, from: index + 1)
    guard index + 1 < count, bytes[index] == ByteClass.carriageReturn, bytes[index + 1] == ByteClass.lineFeed else {
      throw .malformed("request line does not end after the version")
    }
    end = index + 2
  }

  private static func method(_ bytes: Span<UInt8>, length: Int) -> RequestMethod {
    if length == 3, bytes[0] == 0x47, bytes[1] == 0x45, bytes[2] == 0x54 { return .get }
    var text: [UInt8] = []
    text.reserveCapacity(length)
    for index in 0..<length { text.append(bytes[index]) }
    return RequestMethod(String(decoding: text, as: UTF8.self))
  }

  /// `HTTP/1.0` or `HTTP/1.1`, and the offset behind it.
  static func version(_ bytes: Span<UInt8>, from start: Int) throws(WireError) -> (HTTPVersion, Int) {
    guard start + 8 <= bytes.count, bytes[start] == 0x48, bytes[start + 1] == 0x54, bytes[start + 2] == 0x54,
      bytes[start + 3] == 0x50, bytes[start + 4] == ByteClass.slash, let major = ByteClass.digit(bytes[start + 5]),
      bytes[start + 6] == 0x2E, let minor = ByteClass.digit(bytes[start + 7])
    else { throw .malformed("no HTTP version where one belongs") }
    guard major == 1, minor <= 1 else { throw .unsupportedVersion }
    return (minor == 0 ? .http10 : .http11, start + 8)
  }
}

/// The value of a Content-Length field: digits only.
enum ContentLength {
  static func parse(_ bytes: ArraySlice<UInt8>) -> UInt64? {
    // 18 digits cannot overflow; nobody sends an exabyte.
    guard !bytes.isEmpty, bytes.count <= 18 else { return nil }
    var value: UInt64 = 0
    for byte in bytes {
      guard let digit = ByteClass.digit(byte) else { return nil }
      value = value * 10 + UInt64(digit)
    }
    return value
  }
}
