import PlainText
import Routing

/// Why a `tcpip-forward` was refused, in words the client may hear: unknown, forbidden and taken names sound alike
/// (security rule 3).
enum ForwardRefusal: Error, Sendable, Hashable {
  /// What stands behind "not available to you"; for the audit log only.
  enum Cause: String, Sendable, Hashable {
    case unknown = "unknown-name"
    case notPermitted = "not-permitted"
    case heldByAnother = "held-by-another"
  }

  /// With a hint where the port is none of the usual ones, whatever the cause.
  case notAvailable(Cause, hasUsualPort: Bool)
  case duplicate
  case limit(Int)
  /// No host was named, and there is not exactly one route to choose; these could be.
  case needsName([String])
  /// A path of a Unix socket instead of a host.
  case unixSocket
  case publishingIsOff
  /// The certificate that was signed in with says so.
  case certificateForbids

  var text: String {
    switch self {
    case .notAvailable(_, hasUsualPort: true): "not available to you"
    case .notAvailable(_, hasUsualPort: false):
      "not available to you; https routes are published with port 443, as in -R HOST:443:localhost:3000"
    case .duplicate: "this connection publishes it already"
    case .limit(let most): "at most \(most) forwards on one connection"
    case .needsName(let names):
      "name the host to publish, as in -R \(names.first ?? "HOST"):443:localhost:3000"
        + (names.count > 1 ? " (or \(names.dropFirst().prefix(2).joined(separator: ", ")))" : "")
    case .unixSocket: "Unix sockets cannot be published; name a host, as in -R HOST:443:localhost:3000"
    case .publishingIsOff: "publishing is switched off on this edge"
    case .certificateForbids: "your certificate does not permit port forwarding"
    }
  }

  /// For the audit log.
  var name: String {
    switch self {
    case .notAvailable(let cause, _): cause.rawValue
    case .duplicate: "duplicate"
    case .limit: "limit"
    case .needsName: "needs-name"
    case .unixSocket: "unix-socket"
    case .publishingIsOff: "publishing-is-off"
    case .certificateForbids: "certificate-forbids"
    }
  }
}

extension ForwardRefusal {
  /// What a connection is told that ends because of these, the last of them last: as many as clients print (OpenSSH cuts at
  /// 400 characters).
  static func farewell(_ refusals: [String]) -> String {
    var told: [String] = []
    var length = 0
    for refusal in refusals.reversed() {
      length += refusal.utf8.count + 2
      if !told.isEmpty, length > 250 { break }
      told.insert(refusal.printable(limit: 320), at: 0)
    }
    let others = refusals.count - told.count
    return "Could not publish \(told.joined(separator: "; "))\(others > 0 ? "; and \(others) more" : "")."
  }
}

/// What a connection may ask for at all.
enum ForwardPermission: Sendable, Hashable {
  case granted
  case refused(ForwardRefusal)
}
