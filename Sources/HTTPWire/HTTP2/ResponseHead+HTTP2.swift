extension ResponseHead {
  /// Reads a response's field section (RFC 9113 section 8.3.2).
  init(http2 section: FieldLines, endsStream: Bool, limits: HTTP2Limits) throws(WireError) {
    let read = try HTTP2FieldSection(section, as: .response, limits: limits)
    guard let text = read.status, text.utf8.count == 3, text.utf8.allSatisfy({ ByteClass.digit($0) != nil }),
      let status = Int(text), status >= 100, status <= 599, status != 101
    else { throw .malformed(":status is not a status") }
    var headers = read.fields
    if let cookie = read.cookie { headers.append(name: Array("Cookie".utf8)[...], value: cookie[...], .cookie) }
    self.init(status: status, headers: headers, version: .http2)
    if isInterim {
      guard !endsStream else { throw .malformed("an interim response that ends the stream") }
    } else if endsStream {
      framing = .none
    } else {
      framing = read.contentLength.map { .length($0) } ?? .chunked
    }
  }

  /// Whether a response may end with its head: it says nothing of a body, or is of a kind whose length is information only.
  var promisesNothing: Bool {
    guard status != 304, let field = headers.firstField(.contentLength) else { return true }
    return headers.valueEquals(field, "0")
  }
}
