import Foundation
import Policy
import Routing

/// What `policy explain` prints.
struct ExplainedDecision {
  let route: AskedRoute
  private let explanation: DecisionExplanation
  /// Visitors of a public route are asked nothing.
  private let isPublic: Bool

  init(route: AskedRoute, request: AccessRequest) {
    self.route = route
    let policy = route.isPublishing ? route.route.tunnel?.publishPolicy ?? .denyAll : route.route.visitPolicy
    explanation = policy.explain(request)
    isPublic = route.route.isPublic && !route.isPublishing
  }

  private var isAllowed: Bool { isPublic || explanation.decision.isAllowed }

  var text: String {
    let what = route.isPublishing ? "who may publish" : "who may visit"
    let head = "\(route.route.origin.url) (\(route.route.id.rawValue)): \(what)"
    if isPublic { return "\(head)\nallowed: The route is public; no policy is asked." }
    return head + "\n" + explanation.text.split(separator: "\n").map { String($0).printable() }.joined(separator: "\n")
  }

  func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    return String(decoding: try encoder.encode(report), as: UTF8.self)
  }

  private var report: Report {
    Report(
      route: route.route.id.rawValue, from: route.route.origin.url, asks: route.isPublishing ? "publish" : "visit",
      allowed: isAllowed, needsSignIn: !isPublic && explanation.decision.needsSignIn,
      summary: isPublic ? "The route is public; no policy is asked." : explanation.summary,
      validUntil: explanation.decision.validUntil.flatMap { $0.milliseconds == .max ? nil : CivilTime($0).text },
      rules: isPublic ? [] : explanation.rules.map(Report.Rule.init))
  }

  private struct Report: Encodable {
    var route: String
    var from: String
    var asks: String
    var allowed: Bool
    var needsSignIn: Bool
    var summary: String
    /// When a criterion about time may decide otherwise.
    var validUntil: String?
    var rules: [Rule]

    struct Rule: Encodable {
      var action: String
      var holds: Bool
      var groups: [Group]

      init(_ rule: DecisionExplanation.Rule) {
        action = rule.action.rawValue
        holds = rule.holds
        groups = rule.groups.map(Group.init)
      }
    }

    struct Group: Encodable {
      var `operator`: String
      var holds: Bool
      var criteria: [Criterion]

      init(_ group: DecisionExplanation.Group) {
        `operator` = group.operation.rawValue
        holds = group.holds
        criteria = group.criteria.map(Criterion.init)
      }
    }

    struct Criterion: Encodable {
      var name: String
      var wanted: String
      var seen: String?
      var matched: Bool
      var reason: String
      var deciding: Bool
      var line: Int

      init(_ criterion: DecisionExplanation.Criterion) {
        name = criterion.name
        wanted = criterion.wanted
        seen = criterion.seen
        matched = criterion.matched
        reason = criterion.reason
        deciding = criterion.isDeciding
        line = criterion.position.line
      }
    }
  }
}
