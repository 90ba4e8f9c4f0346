/// Why a `tcpip-forward` was refused, in words the client may hear: unknown, forbidden and taken names sound alike
/// (security rule 3).
enum ForwardRefusal: Error, Sendable, Hashable {
  case notAvailable
  case duplicate
  case limit(Int)
  /// Not a port that publishes anything.
  case wrongPort
  /// No host was named, and there is not exactly one route to choose.
  case needsName
  case publishingIsOff

  var text: String {
    switch self {
    case .notAvailable: "not available to you"
    case .duplicate: "this connection publishes it already"
    case .limit(let most): "at most \(most) forwards on one connection"
    case .wrongPort: "not available to you; https routes are published with port 443, as in -R HOST:443:localhost:3000"
    case .needsName: "name the host to publish, as in -R HOST:443:localhost:3000"
    case .publishingIsOff: "publishing is switched off on this edge"
    }
  }

  /// For the audit log.
  var name: String {
    switch self {
    case .notAvailable: "not-available"
    case .duplicate: "duplicate"
    case .limit: "limit"
    case .wrongPort: "wrong-port"
    case .needsName: "needs-name"
    case .publishingIsOff: "publishing-is-off"
    }
  }
}
