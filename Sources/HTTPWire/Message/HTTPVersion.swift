/// The version in a start line.
package enum HTTPVersion: Sendable, Hashable {
  case http10, http11, http2

  package var text: String {
    switch self {
    case .http10: "HTTP/1.0"
    case .http11: "HTTP/1.1"
    case .http2: "HTTP/2"
    }
  }
}
