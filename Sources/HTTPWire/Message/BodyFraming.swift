/// How a message says where its body ends (RFC 9112 section 6).
package enum BodyFraming: Sendable, Hashable {
  case none
  case length(UInt64)
  case chunked
  /// A response body that ends with its connection.
  case untilClose
}
