extension BodyFraming {
  /// What the fields of a head say of its body (RFC 9112 section 6.3), with every way to smuggle closed: one framing field, or none
  /// and then nothing.
  static func told(by headers: HeaderList, version: HTTPVersion) throws(WireError) -> BodyFraming? {
    let codings = headers.count(.transferEncoding)
    let lengths = headers.count(.contentLength)
    if codings == 0 && lengths == 0 { return nil }
    if codings > 0 {
      guard lengths == 0 else { throw .malformed("Content-Length beside Transfer-Encoding") }
      guard version == .http11 else { throw .malformed("Transfer-Encoding in HTTP/1.0") }
      guard codings == 1, let field = headers.firstField(.transferEncoding) else {
        throw .malformed("more than one Transfer-Encoding field")
      }
      guard headers.valueEquals(field, "chunked") else { throw .unsupportedTransferCoding }
      return .chunked
    }
    guard lengths == 1, let field = headers.firstField(.contentLength) else {
      throw .malformed("more than one Content-Length field")
    }
    guard let length = ContentLength.parse(headers.valueBytes(field)) else {
      throw .malformed("Content-Length is not a number")
    }
    return .length(length)
  }
}
