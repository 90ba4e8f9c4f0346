import NIOCore

/// What a proxy says of the connection behind it, before the connection's own first byte (PROXY protocol of haproxy,
/// versions 1 and 2: https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt).
package enum ProxyHeader: Sendable, Equatable {
  /// Whom the proxy serves, and where they connected.
  case announced(source: SocketAddress, destination: SocketAddress)
  /// The proxy speaks for itself (LOCAL: a health check) or does not say for whom (UNKNOWN, unspecified, a Unix socket):
  /// the addresses of the connection itself count.
  case unspecified

  /// Reads a header from the first bytes of a connection; `nil` while it may still become one. What was read is taken out
  /// of `bytes`, and everything behind it stays.
  package init?(reading bytes: inout ByteBuffer) throws(ProxyProtocolError) {
    let view = bytes.readableBytesView
    if let matches = view.begins(ProxyHeaderVersion2.signature) {
      guard matches, let header = try ProxyHeaderVersion2.read(&bytes) else { return nil }
      self = header
    } else if let matches = view.begins(ProxyHeaderVersion1.signature) {
      guard matches, let header = try ProxyHeaderVersion1.read(&bytes) else { return nil }
      self = header
    } else {
      throw .notAHeader
    }
  }
}

extension ByteBufferView {
  /// True: the whole of `expected` is there. False: what is there is its beginning. Nil: something else.
  fileprivate func begins(_ expected: [UInt8]) -> Bool? {
    guard zip(self, expected).allSatisfy({ $0 == $1 }) else { return nil }
    return count >= expected.count
  }
}

/// Why a connection of a trusted proxy cannot be served.
package enum ProxyProtocolError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The first bytes belong to another protocol.
  case notAHeader
  /// A header that breaks the specification; what was expected.
  case malformed(expected: String)
  /// Not in time.
  case timedOut
  /// The connection ended before.
  case closed

  package var description: String {
    switch self {
    case .notAHeader: "expected a PROXY header, got something else"
    case .malformed(let expected): "malformed PROXY header: expected \(expected)"
    case .timedOut: "expected a PROXY header in time, got none"
    case .closed: "expected a PROXY header, got the end of the connection"
    }
  }
}
