import Policy
import Routing
import SSHProtocol

/// Who is signed in on a connection, with everything a publish policy may look at.
struct Publisher: Sendable {
  var subject: Subject
  let username: String
  let key: SSHPublicKey
  let sourceAddress: String
  /// False when they came with a certificate that withholds it.
  var permitsForwarding = true

  func decide(_ route: Route, now: UnixTime) -> Decision {
    guard let tunnel = route.tunnel else { return AccessPolicy.denyAll.decide(request(now: now)) }
    return tunnel.publishPolicy.decide(request(now: now))
  }

  private func request(now: UnixTime) -> AccessRequest {
    AccessRequest(
      subject: subject, sourceAddress: sourceAddress, sshUsername: username, sshPublicKey: key.blob, now: now)
  }

  /// The routes this person may publish now, in configuration order.
  func publishable(in table: RouteTable, now: UnixTime) -> [Route] {
    table.routes.filter { route in
      route.tunnel != nil && decide(route, now: now).isAllowed
        && route.origin.host.name.map { !table.reservedHosts.contains($0) } != false
    }
  }
}
