extension RequestHead {
  /// Reads a request's field section (RFC 9113 section 8.3.1).
  ///
  /// What comes out looks as if it had come over HTTP/1.1: Host is the first field, Cookie is one field. A WebSocket
  /// (RFC 8441) becomes the GET with Upgrade of RFC 6455, with `webSocketKey` as its key, so that nothing behind needs to
  /// know of two ways.
  init(
    http2 section: FieldLines, endsStream: Bool, limits: HTTP2Limits, webSocketKey: () -> String
  ) throws(WireError) {
    let read = try HTTP2FieldSection(section, as: .request, limits: limits)
    guard let methodText = read.method, methodText.utf8.count <= RequestLine.longestMethod, !methodText.isEmpty,
      methodText.utf8.allSatisfy({ ByteClass.isToken($0) })
    else { throw .malformed(":method is not a token") }
    var method = RequestMethod(methodText)
    let isWebSocket = read.protocolName != nil
    if isWebSocket {
      guard method == .connect, read.protocolName == "websocket", !endsStream else {
        throw .malformed(":protocol other than websocket")
      }
      method = .get
    }
    let authority = try Self.authority(of: read, isConnect: method == .connect)
    let target = try Self.target(of: read, method: method, authority: authority, limits: limits)

    var headers = HeaderList()
    headers.add("Host", authority.text)
    headers.append(contentsOf: read.fields, leavingOut: isWebSocket ? .secWebSocketKey : nil)
    if let cookie = read.cookie { headers.append(name: Array("Cookie".utf8)[...], value: cookie[...], .cookie) }
    if isWebSocket {
      headers.add("Connection", "Upgrade")
      headers.add("Upgrade", "websocket")
      headers.add("Sec-WebSocket-Key", webSocketKey())
    }
    var framing = BodyFraming.none
    if !isWebSocket, method != .connect {
      if endsStream {
        guard read.contentLength ?? 0 == 0 else { throw .malformed("Content-Length without a body") }
        if read.contentLength != nil { framing = .length(0) }
      } else {
        framing = read.contentLength.map { .length($0) } ?? .chunked
      }
    }
    self.init(
      method: method, target: target, version: .http2, headers: headers, authority: authority, framing: framing)
    if let expect = headers.firstField(.expect) {
      guard headers.count(.expect) == 1, headers.valueEquals(expect, "100-continue") else { throw .expectationFailed }
      expectsContinue = true
    }
  }

  private static func authority(of read: HTTP2FieldSection, isConnect: Bool) throws(WireError) -> Authority {
    let named = read.authority ?? (isConnect ? nil : read.host)
    guard let named, let authority = Authority(Array(named.utf8)) else {
      throw .malformed(":authority is not a host name")
    }
    if let host = read.host, !isConnect {
      // One of two names could slip past whoever looks at the other.
      guard let other = Authority(Array(host.utf8)), other == authority else {
        throw .malformed(":authority and Host disagree")
      }
    }
    guard !isConnect || authority.port != nil else { throw .malformed("CONNECT without a port") }
    return authority
  }

  private static func target(
    of read: HTTP2FieldSection, method: RequestMethod, authority: Authority, limits: HTTP2Limits
  ) throws(WireError) -> String {
    if method == .connect {
      guard read.scheme == nil, read.path == nil else { throw .malformed("CONNECT with :scheme or :path") }
      return authority.text
    }
    guard let scheme = read.scheme?.lowercased(), scheme == "https" || scheme == "http" else {
      throw .malformed(":scheme is neither https nor http")
    }
    guard let path = read.path, let first = path.utf8.first else { throw .malformed("no :path") }
    guard path.utf8.count <= limits.targetLength else { throw .targetTooLong }
    if path == "*" {
      guard method == .options else { throw .malformed(":path * outside OPTIONS") }
      return path
    }
    guard first == ByteClass.slash else { throw .malformed(":path does not begin with /") }
    for byte in path.utf8 where !ByteClass.isVisible(byte) || byte == 0x23 {
      throw .malformed(":path with a byte that may not stand there")
    }
    return path
  }
}

extension HeaderList {
  /// Adds the fields of another list in their order.
  package mutating func append(contentsOf other: HeaderList, leavingOut kind: KnownField? = nil) {
    for field in other.fields where kind == nil || field.kind != kind {
      append(name: other.bytes[field.nameRange], value: other.bytes[field.valueRange], field.kind)
    }
  }
}
