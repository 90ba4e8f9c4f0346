import NIOCore

/// Opens a `ByteStream` to whatever stands behind a route: a tunnel's SSH channel, a TCP address, later a peer node.
package protocol StreamOpener: Sendable {
  /// The stream is used on `eventLoop`; an opener that works on another loop bridges. Fails with `StreamOpenFailure`.
  func open(_ request: StreamRequest, on eventLoop: any EventLoop) -> EventLoopFuture<NIOLoopBound<any ByteStream>>

  /// What others know of it; nil where streams are not scarce.
  var load: OpenerLoad? { get }
}

extension StreamOpener {
  package var load: OpenerLoad? { nil }
}

/// For whom a stream is opened: what the far side is told of the visitor.
package struct StreamRequest: Sendable {
  package var originatorAddress: String
  package var originatorPort: Int
  /// Where a SOCKS-speaking publisher is asked to connect; comes from the route's `to` only (security rule 6).
  package var destinationHost: String
  package var destinationPort: Int
  /// It will stay open for as long as its visitor likes (WebSocket, events): such streams do not take the last places.
  package var isLasting = false
  package var claim: StreamClaim?

  package init(originatorAddress: String, originatorPort: Int, destinationHost: String, destinationPort: Int) {
    self.originatorAddress = originatorAddress
    self.originatorPort = originatorPort
    self.destinationHost = destinationHost
    self.destinationPort = destinationPort
  }
}

/// Why no stream could be opened.
package enum StreamOpenFailure: Error, Sendable, Equatable {
  /// The publisher's client could not reach the local service; its own words.
  case refused(String)
  /// The publisher's client is out of descriptors or channels, and no place became free in time.
  case outOfResources
  case timedOut
  /// The connection behind it is gone.
  case gone
  /// The right to use it ended.
  case notPermitted
  /// The service did not prove who it is, or TLS failed in another way; OpenSSL's words.
  case untrusted(String)
  /// It opened, and what is spoken there is not what the route says; our words.
  case unusable(String)
  /// The client expects SOCKS where the binding is fixed, or the other way round.
  case wrongForwardKind
}
