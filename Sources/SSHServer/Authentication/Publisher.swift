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
  /// What the key came in.
  var certificate: SSHCertificateShown?

  /// Whether they may publish a name on this route.
  func decide(_ route: Route, _ host: ForwardedHost, now: UnixTime) -> Decision {
    let policy = isWithinItsHosts(route, host) ? route.tunnel?.publishPolicy ?? .denyAll : .denyAll
    return policy.decide(
      AccessRequest(
        subject: subject, sourceAddress: sourceAddress, sshUsername: username, sshPublicKey: key.blob,
        forwardHost: host, sshCertificate: certificate, now: now))
  }

  /// A service account publishes names that are listed for it, and no others (security rule 13).
  private func isWithinItsHosts(_ route: Route, _ host: ForwardedHost) -> Bool {
    guard let hosts = subject.publishableHosts else { return true }
    switch host {
    case .name(let name): return hosts.contains(name)
    case .any: return hosts.contains { HostName($0).map(route.origin.host.matches) ?? false }
    }
  }

  /// The routes this person may publish now, in configuration order.
  func publishable(in table: RouteTable, now: UnixTime) -> [Route] {
    table.routes.filter { route in
      route.tunnel != nil && decide(route, route.forwardedHost, now: now).isAllowed
        && route.origin.host.name.map { !table.reservedHosts.contains($0) } != false
    }
  }
}

extension Route {
  /// What is known of the name before somebody asks for one: under a wildcard nothing.
  fileprivate var forwardedHost: ForwardedHost {
    origin.host.isWildcard ? .any : .name(origin.host.description)
  }
}

extension ProvenKey {
  /// The certificate as policies see it.
  var shownCertificate: SSHCertificateShown? {
    terms.map { terms in
      SSHCertificateShown(
        authority: terms.authority, principals: terms.principals,
        expiresAt: UnixTime(seconds: Int64(clamping: terms.validBefore)))
    }
  }
}
