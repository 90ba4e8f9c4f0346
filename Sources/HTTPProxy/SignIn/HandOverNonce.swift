import EdgeCrypto
import HTTPWire

/// The cookie that binds a hand-over to the browser that asked for it (security rule 16). Each attempt has its own name, made
/// from the hash that travels in the signed request, so that several tabs can sign in at once.
struct HandOverNonce: Sendable, Equatable {
  let value: String
  let attempt: String

  init(value: String) {
    self.value = value
    attempt = Self.attempt(nonceHash: Base64.encodeURL(Digest.sha256(value)))
  }

  /// The request and the callback live five minutes; slow people at the provider get some more.
  static let lifetime: Int64 = 900
  /// More open attempts than this are a page that reloads itself: they are cleared away.
  static let mostAttempts = 8

  static func attempt(nonceHash: String) -> String { String(nonceHash.prefix(10)) }

  static func cookieName(_ sessionCookie: String, attempt: String) -> String { prefix(sessionCookie) + attempt }

  static func prefix(_ sessionCookie: String) -> String { sessionCookie + "_nonce_" }

  /// Whether the text can be part of a cookie's name: the attempt comes back in a query, from anybody.
  static func isAttempt(_ text: String) -> Bool {
    text.utf8.count == 10 && Base64.decodeURL(text + "AA") != nil
  }
}
