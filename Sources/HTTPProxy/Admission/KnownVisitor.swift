import HTTPWire
import Identity
import Policy
import Routing

/// A session on one host, as one loop remembers it: who it is, what was decided, what services are told.
final class KnownVisitor {
  struct Key: Hashable {
    var cookie: String
    var host: String
  }

  let session: Session
  let epoch: UInt64

  var sessionID: String { session.id }
  /// Decisions that do not depend on the request, for the routes of this host under the present table.
  private var allowed: [RouteID: (generation: UInt64, validUntil: UnixTime?)] = [:]
  /// With the plan itself: another at the same place in memory would be taken for it.
  private var knowledge: (plan: RoutePlan, value: ServiceKnowledge, until: UnixTime)?
  /// A host has few routes; a visitor who meets more starts anew.
  private static let rememberedDecisions = 64
  /// Of the five minutes an assertion is good for, a service sees at least four.
  private static let assertionReuseSeconds: Int64 = 60

  init(session: Session, epoch: UInt64) {
    self.session = session
    self.epoch = epoch
  }

  /// Whether the session is one that the route takes: people sign in with its client, programs with none.
  func isSignedIn(for route: Route) -> Bool {
    session.client == route.http.signInClient || session.subject.serviceAccount != nil
  }

  /// A kept decision: until when it holds (`.some(nil)`: for good), or `nil` when there is none.
  func allowance(_ route: RouteID, generation: UInt64, now: UnixTime) -> UnixTime?? {
    guard let known = allowed[route], known.generation == generation else { return nil }
    if let until = known.validUntil, until <= now { return nil }
    return .some(known.validUntil)
  }

  func remember(_ decision: Decision, route: RouteID, generation: UInt64) {
    guard decision.isAllowed, !decision.dependsOnRequest, !decision.dependsOnCertificate else { return }
    if allowed.count >= Self.rememberedDecisions { allowed.removeAll() }
    allowed[route] = (generation, decision.validUntil)
  }

  func knowledge(for plan: RoutePlan, host: String, identity: any VisitorIdentity, now: UnixTime) -> ServiceKnowledge {
    if let known = knowledge, known.plan === plan, now < known.until { return known.value }
    let value = ServiceKnowledge(session: session, host: host, plan: plan, identity: identity)
    knowledge = (plan, value, now.adding(seconds: Self.assertionReuseSeconds))
    return value
  }
}
