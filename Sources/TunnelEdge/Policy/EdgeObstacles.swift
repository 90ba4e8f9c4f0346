import EdgeConfig
import HTTPWire
import Policy
import Routing

/// What keeps the edge from what a policy by itself allows.
struct EdgeObstacles {
  /// Refused for this, whatever the policy says.
  private(set) var refusal: String?
  /// What the command line does not say and the edge looks at.
  private(set) var notes: [String] = []

  init(visiting asked: AskedRoute, _ request: AccessRequest, in configuration: EdgeConfiguration) {
    if let name = request.subject?.serviceAccount {
      refusal = AskedAccount(named: name).refusal(asked, request, in: configuration)
    }
    if asked.isLogin { return }
    if refusal == nil, !asked.route.isPublic {
      refusal = Self.otherReading(asked, request)
    }
    if refusal == nil, PathShape(of: Array(asked.path.utf8)[...]).isAmbiguous {
      notes.append("The path can be read in more than one way: refused where routes of its host tell paths apart.")
    }
    if let enforcement = configuration.listener.clientCertificates?.enforcement, enforcement != .policy {
      notes.append("Before that, `downstream_mtls` refuses every visitor without a certificate it trusts.")
    }
  }

  init(publishing asked: AskedRoute, _ request: AccessRequest, in configuration: EdgeConfiguration) {
    if !configuration.flags.sshUpstreamTunnel {
      refusal = "The runtime flag `ssh_upstream_tunnel` is off: nobody publishes anything."
    } else if let name = request.subject?.serviceAccount {
      refusal = AskedAccount(named: name).refusal(asked, request, in: configuration)
    }
  }

  /// What a rule says of paths must hold however a service reads this one.
  private static func otherReading(_ asked: AskedRoute, _ request: AccessRequest) -> String? {
    let policy = asked.route.visitPolicy
    let decision = policy.decide(request)
    guard decision.isAllowed, decision.dependsOnRequest else { return nil }
    if PathShape(of: Array(asked.path.utf8)[...]).isAmbiguous { return "The path can be read in more than one way." }
    guard let other = PathReading.loose(asked.path) else { return nil }
    var loose = request
    loose.path = other
    let isAllowed = policy.readingPaths { PathReading.loose($0) ?? $0 }.decide(loose).isAllowed
    return isAllowed ? nil : "Services may read the path as `\(other)`, which the policy does not allow."
  }
}
