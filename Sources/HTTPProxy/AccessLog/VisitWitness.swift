import Policy
import Routing

/// Told of visits that policy refused or ended, for the audit log. Called on event loops; must answer at once.
package protocol VisitWitness: Sendable {
  /// Whether another one of this visitor and route is to be told in full; if not, it has been counted. Asked first, because
  /// the explanation costs as much as a decision.
  func wants(_ kind: RefusedVisit.Kind, visitor: RefusedVisit.Visitor, route: RouteID) -> Bool
  func tell(_ visit: RefusedVisit)
}

/// A request, or what was open, that somebody had no right to.
package struct RefusedVisit: Sendable {
  package enum Kind: Sendable, Hashable {
    case refused
    /// It had been admitted, and the right to it ended.
    case ended
  }

  package enum Visitor: Sendable, Hashable {
    /// Who is signed in, by their id.
    case person(String)
    case address(String)
  }

  package var kind: Kind
  package var requestID: String
  package var address: String
  package var method: String
  /// Without the query.
  package var url: String
  package var routeID: RouteID
  /// The access log's word for it.
  package var reason: String
  /// How the visit policy decided, where that was the reason.
  package var explanation: DecisionExplanation?
  /// Who is signed in.
  package var subject: Subject?

  package init(
    kind: Kind, requestID: String, address: String, method: String, url: String, routeID: RouteID, reason: String,
    explanation: DecisionExplanation? = nil, subject: Subject? = nil
  ) {
    self.kind = kind
    self.requestID = requestID
    self.address = address
    self.method = method
    self.url = url
    self.routeID = routeID
    self.reason = reason
    self.explanation = explanation
    self.subject = subject
  }
}
