/// What a peer got wrong. The text names what was expected and what came; it holds nothing the peer wrote.
package enum WireError: Error, Sendable, Equatable {
  /// The bytes cannot be read in exactly one way.
  case malformed(String)
  case targetTooLong
  case headTooLarge
  case unsupportedVersion
  case unsupportedTransferCoding
  case expectationFailed
  /// The connection ended inside a message.
  case truncated

  /// The status a server answers with.
  package var status: Int {
    switch self {
    case .malformed, .truncated: 400
    case .targetTooLong: 414
    case .headTooLarge: 431
    case .unsupportedVersion: 505
    case .unsupportedTransferCoding: 501
    case .expectationFailed: 417
    }
  }
}

extension WireError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .malformed(let what): what
    case .targetTooLong: "request target too long"
    case .headTooLarge: "head too large"
    case .unsupportedVersion: "HTTP version is neither 1.0 nor 1.1"
    case .unsupportedTransferCoding: "transfer coding other than chunked"
    case .expectationFailed: "expectation other than 100-continue"
    case .truncated: "connection ended inside a message"
    }
  }
}
