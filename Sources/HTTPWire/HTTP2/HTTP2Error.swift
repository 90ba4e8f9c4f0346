/// Error codes of RFC 9113 section 7.
package enum HTTP2ErrorCode: UInt32, Sendable {
  case noError = 0x0
  case protocolError = 0x1
  case internalError = 0x2
  case flowControlError = 0x3
  case settingsTimeout = 0x4
  case streamClosed = 0x5
  case frameSizeError = 0x6
  case refusedStream = 0x7
  case cancel = 0x8
  case compressionError = 0x9
  case connectError = 0xA
  case enhanceYourCalm = 0xB
  case inadequateSecurity = 0xC
  case http11Required = 0xD

  /// A code from the wire; unknown ones mean INTERNAL_ERROR (RFC 9113 section 7).
  init(wire: UInt32) { self = HTTP2ErrorCode(rawValue: wire) ?? .internalError }
}

/// What ends a whole connection: the peer is told the code in GOAWAY, and why.
package struct HTTP2Error: Error, Sendable, Equatable, CustomStringConvertible {
  package var code: HTTP2ErrorCode
  /// What was expected and what came; holds nothing the peer wrote.
  package var reason: String

  package init(_ code: HTTP2ErrorCode, _ reason: String) {
    self.code = code
    self.reason = reason
  }

  package var description: String { "\(reason) (HTTP/2 error \(code.rawValue))" }
}
