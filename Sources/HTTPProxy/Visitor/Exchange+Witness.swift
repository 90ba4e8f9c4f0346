import EdgeCrypto
import HTTPWire
import Identity
import Policy
import Routing

/// What the audit log is told of a request.
extension Exchange {
  /// Admission said no.
  func witness(_ refusal: VisitorRefusal, session: Session?) {
    switch refusal {
    case .forbidden(let route, let told):
      witness(.refused, route, session?.subject, reason: refusal.logDetail) { told ?? self.explain(route, session) }
    case .crossSite(let route), .certificate(let route, _):
      witness(.refused, route, session?.subject, reason: refusal.logDetail) { nil }
    default: break
    }
  }

  /// What was open has lost its right; `verdict` is what a new request of the same kind would get.
  func witnessEnd(_ verdict: Admission.Verdict) {
    guard let route = plan?.route else { return }
    let subject = visitor?.session.subject
    switch verdict {
    case .refuse(.forbidden, let session):
      witness(.ended, route, subject, reason: "policy_denied") { self.explain(route, session) }
    case .refuse(let refusal, _): witness(.ended, route, subject, reason: refusal.logDetail) { nil }
    case .signIn: witness(.ended, route, subject, reason: "session_ended") { nil }
    case .relay, .ownPage, .redirect, .verify: break
    }
  }

  private func witness(
    _ kind: RefusedVisit.Kind, _ route: Route, _ subject: Subject?, reason: String,
    explanation: () -> DecisionExplanation?
  ) {
    guard let witness = loop.shared.witness, let head,
      witness.wants(kind, visitor: subject.map { .person($0.userID) } ?? .address(clientAddress), route: route.id)
    else { return }
    witness.tell(
      RefusedVisit(
        kind: kind, requestID: requestID.text, address: clientAddress, method: head.method.text,
        url: "\(scheme(of: head))://\(head.authority?.text ?? "")\(head.path)",
        routeID: route.id, reason: reason, explanation: explanation(), subject: subject))
  }

  private func explain(_ route: Route, _ session: Session?) -> DecisionExplanation? {
    guard let head else { return nil }
    let now = loop.shared.clock()
    var shown = ShownCertificate.notAsked
    if let clients = loop.configuration.tls?.clients {
      shown = certificate?.judge(by: clients.verifier, at: now).0 ?? .missing
    }
    // The route as it is now: what was open may have been admitted by an older one.
    return (loop.routes().route(id: route.id) ?? route).visitPolicy.explain(
      AccessRequest(
        subject: session?.subject, sourceAddress: clientAddress, method: head.method.text, path: head.path,
        certificate: shown, now: now))
  }
}
