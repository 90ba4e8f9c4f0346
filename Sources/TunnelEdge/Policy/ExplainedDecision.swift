import Foundation
import PlainText
import Policy
import Routing

/// What `policy explain` says of one route.
struct ExplainedDecision {
  let route: AskedRoute
  private let explanation: DecisionExplanation
  /// Visitors of a public route are asked nothing.
  private let isPublic: Bool
  private let obstacles: EdgeObstacles

  init(route: AskedRoute, request: AccessRequest, obstacles: EdgeObstacles) {
    self.route = route
    self.obstacles = obstacles
    let policy = route.isPublishing ? route.route.tunnel?.publishPolicy ?? .denyAll : route.route.visitPolicy
    explanation = policy.explain(request)
    isPublic = route.route.isPublic && !route.isPublishing
  }

  var isAllowed: Bool { obstacles.refusal == nil && (isPublic || explanation.decision.isAllowed) }

  private var summary: String {
    obstacles.refusal ?? (isPublic ? "The route is public; no policy is asked." : explanation.summary)
  }

  var text: String {
    let what = route.isPublishing ? "who may publish" : route.isLogin ? "who may sign in" : "who may visit"
    let head = "\(route.route.origin.url) (\(route.route.id.rawValue)): \(what)"
    var lines = [head]
    if let refusal = obstacles.refusal { lines += ["refused: \(refusal)", "The policy by itself:"] }
    if isPublic {
      lines.append("allowed: The route is public; no policy is asked.")
    } else {
      lines += explanation.text.split(separator: "\n").map(String.init)
    }
    lines += obstacles.notes.map { "note: \($0)" }
    return lines.map { $0.printable(limit: 1000) }.joined(separator: "\n")
  }

  var report: Report {
    Report(
      route: route.route.id.rawValue, from: route.route.origin.url,
      asks: route.isPublishing ? "publish" : route.isLogin ? "login" : "visit", allowed: isAllowed,
      needsSignIn: obstacles.refusal == nil && !isPublic && explanation.decision.needsSignIn, summary: summary,
      notes: obstacles.notes,
      validUntil: explanation.decision.validUntil.flatMap { $0.milliseconds == .max ? nil : CivilTime($0).text },
      file: explanation.source.isEmpty ? nil : explanation.source,
      reasons: isPublic ? [] : explanation.decidingReasons,
      rules: isPublic ? [] : explanation.rules.map(Report.Rule.init))
  }

  struct Report: Encodable {
    var route: String
    var from: String
    var asks: String
    var allowed: Bool
    var needsSignIn: Bool
    var summary: String
    var notes: [String]
    /// When a criterion about time may decide otherwise.
    var validUntil: String?
    /// Where the rules stand.
    var file: String?
    /// The names of what made the answer.
    var reasons: [String]
    var rules: [Rule]
    /// Other routes with this name; one that allows it suffices.
    var others: [Report]?

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
      /// How the one nearly was the other.
      var nearMiss: String?
      var matched: Bool
      var reason: String
      var deciding: Bool
      var line: Int
      var column: Int

      init(_ criterion: DecisionExplanation.Criterion) {
        name = criterion.name
        wanted = criterion.wanted
        seen = criterion.seen
        nearMiss = criterion.nearMiss
        matched = criterion.matched
        reason = criterion.reason
        deciding = criterion.isDeciding
        line = criterion.position.line
        column = criterion.position.column
      }
    }
  }
}
