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
    policy(of: route, host).decide(request(host, now: now))
  }

  /// The same with its reasons, for the audit log.
  func explain(_ route: Route, _ host: ForwardedHost, now: UnixTime) -> DecisionExplanation {
    policy(of: route, host).explain(request(host, now: now))
  }

  private func policy(of route: Route, _ host: ForwardedHost) -> AccessPolicy {
    isWithinItsHosts(route, host) ? route.tunnel?.publishPolicy ?? .denyAll : .denyAll
  }

  private func request(_ host: ForwardedHost, now: UnixTime) -> AccessRequest {
    AccessRequest(
      subject: subject, sourceAddress: sourceAddress, sshUsername: username, sshPublicKey: key.blob,
      forwardHost: host, sshCertificate: certificate, now: now)
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
  func publishable(in table: RouteTable, now: UnixTime) -> [PublishableRoute] {
    table.routes.compactMap { route in
      guard route.tunnel != nil, route.origin.host.name.map({ !table.reservedHosts.contains($0) }) != false else {
        return nil
      }
      let hosts = hosts(on: route, now: now)
      return hosts.isEmpty ? nil : PublishableRoute(route: route, hosts: hosts)
    }
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
