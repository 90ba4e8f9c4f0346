import EdgeCrypto

/// What a browser holds: 128 random bits. The session's id is a hash of it, so that neither the store nor whoever sees
/// an id can make the cookie (security rule 37).
struct SessionHandle: Sendable, Hashable {
  static let byteCount = 16

  let bytes: [UInt8]

  init(random: RandomSource) { bytes = random(Self.byteCount) }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  var sessionID: String {
    Base64.encodeURL(Array(Digest.sha256(Array("tunnel-edge session id".utf8) + bytes).prefix(Self.byteCount)))
  }

  /// The cookie for one host: version, handle, and a MAC over both and the host. Worth nothing on another host.
  func cookieValue(host: String, key: HMACKey) -> String {
    Base64.encodeURL([Self.cookieVersion] + bytes + Self.tag(bytes, host: host, key: key))
  }

  /// The handle in a cookie that this host was given, or nil.
  init?(cookie value: String, host: String, key: HMACKey) {
    guard value.utf8.count <= 128, let content = Base64.decodeURL(value),
      content.count == 1 + Self.byteCount + Self.tagLength, content[0] == Self.cookieVersion
    else { return nil }
    let handle = Array(content[1...Self.byteCount])
    let tag = Array(content.suffix(Self.tagLength))
    guard constantTimeEquals(tag, Self.tag(handle, host: host, key: key)) else { return nil }
    self.init(bytes: handle)
  }

  private static let cookieVersion: UInt8 = 1
  private static let tagLength = 32

  private static func tag(_ handle: [UInt8], host: String, key: HMACKey) -> [UInt8] {
    key.tag([cookieVersion] + handle + Array(host.utf8))
  }
}
