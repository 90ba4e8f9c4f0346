import EdgeCrypto
import HTTPWire
import NIOCore
import Routing

/// The two directions of a WebSocket, as far as it matters for ending it.
final class WebSocketPassage {
  var toVisitor = WebSocketBoundary()
  var toService = WebSocketBoundary()
}

/// Why the edge ends a stream of another protocol.
enum RawEnding {
  case rightEnded
  case routeTimeout
  case routeIdleTimeout
  case drained
  case tunnelLost

  var logDetail: String {
    switch self {
    case .rightEnded: "right_ended"
    case .routeTimeout: "route_timeout"
    case .routeIdleTimeout: "route_idle_timeout"
    case .drained: "drained"
    case .tunnelLost: "tunnel_lost"
    }
  }

  fileprivate var code: WebSocketClose.Code { self == .rightEnded ? .policyViolation : .goingAway }

  fileprivate var reason: String {
    switch self {
    case .rightEnded: "You may not use this any more: sign in again, or ask who runs it."
    case .routeTimeout: "The time for this connection is over."
    case .routeIdleTimeout: "Nothing was said for too long."
    case .drained: "The edge is restarting."
    case .tunnelLost: "The tunnel was lost."
    }
  }
}

extension Exchange {
  /// It may go on no longer. Both ends of a WebSocket are told with a Close frame where one may stand: between two frames. In
  /// the middle of a frame, and in protocols that we do not know, the connection just ends.
  func endRaw(_ ending: RawEnding) {
    let connection = upstream
    upstream = nil
    if let socket, mayFollow(socket.toService), let connection {
      connection.sendRaw(WebSocketClose.frame(ending.code, reason: ending.reason, maskingKey: SecureRandom.bytes(4)))
      connection.flush()
      connection.close(.finished)
    } else {
      connection?.close(.reset)
    }
    // Who reads too slowly for what is under way must not keep it after the right to it is gone.
    let tellsVisitor = socket.map { mayFollow($0.toVisitor) } == true && side.isWritable
    if tellsVisitor { side.sendBody(WebSocketClose.frame(ending.code, reason: ending.reason)) }
    finish(detail: ending.logDetail)
    side.flush()
    if tellsVisitor { side.finishBoth() } else { side.abort() }
  }

  private func mayFollow(_ boundary: WebSocketBoundary) -> Bool { boundary.isBetweenFrames && !boundary.hasClosed }
}
