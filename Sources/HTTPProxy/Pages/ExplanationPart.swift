import PlainText
import Policy

/// The rules of a policy with what they said, for the page of somebody who was refused.
struct ExplanationPart {
  let explanation: DecisionExplanation
  /// Whether what the request brought (addresses, groups, claims) may be shown here.
  let showsValues: Bool

  /// A page is no place for more; `tunnel-edge` has the whole.
  private static let mostRules = 20
  private static let mostCriteria = 20

  var html: HTML {
    let rules = explanation.rules.prefix(Self.mostRules).map(rule)
    let left = explanation.rules.count - rules.count
    let more: HTML = left > 0 ? "<p class=\"small\">And \(left) more rules.</p>\n" : ""
    return """
      <details class="why" open>
      <summary>Why: the rules for this page</summary>
      <p>\(explanation.summary)</p>
      <ol class="rules">
      \(rules)</ol>
      \(more)</details>

      """
  }

  private func rule(_ rule: DecisionExplanation.Rule) -> HTML {
    """
    <li><p><strong>Rule \(rule.index + 1): \(rule.action.rawValue)</strong> \(Self.tag(rule.holds, "holds", "does not hold"))</p>
    \(rule.groups.map { group($0) })</li>

    """
  }

  private func group(_ group: DecisionExplanation.Group) -> HTML {
    let criteria = group.criteria.prefix(Self.mostCriteria).map { criterion($0) }
    let left = group.criteria.count - criteria.count
    let more: HTML = left > 0 ? "<li>and \(left) more</li>\n" : ""
    return "<p class=\"small\">\(group.operation.words):</p>\n<ul class=\"criteria\">\n\(criteria)\(more)</ul>\n"
  }

  private func criterion(_ criterion: DecisionExplanation.Criterion) -> HTML {
    let seen: HTML =
      showsValues ? criterion.seen.map { "<small>You came with \($0)</small>" as HTML } ?? "" : ""
    let question = criterion.wanted.isEmpty ? criterion.name : "\(criterion.name) \(criterion.wanted)"
    return
      "<li\(criterion.isDeciding ? " class=\"deciding\"" : "")><code>\(question)</code> \(Self.tag(criterion.matched, "true", "false"))\(seen)</li>\n"
  }

  private static func tag(_ isTrue: Bool, _ yes: HTML, _ no: HTML) -> HTML {
    isTrue ? "<span class=\"tag\">\(yes)</span>" : "<span class=\"tag bad\">\(no)</span>"
  }
}

extension DecisionExplanation {
  /// For programs, without what the request brought: scripts of the page's own origin may read it (security rule 15).
  var object: JSONText {
    .object([
      ("summary", .string(summary)),
      (
        "rules",
        .list(
          rules.map { rule in
            .object([
              ("rule", .integer(Int64(rule.index + 1))), ("action", .string(rule.action.rawValue)),
              ("holds", .bool(rule.holds)), ("groups", .list(rule.groups.map(\.object))),
            ])
          })
      ),
    ])
  }
}

extension DecisionExplanation.Group {
  fileprivate var object: JSONText {
    .object([
      ("operator", .string(operation.rawValue)), ("holds", .bool(holds)),
      (
        "criteria",
        .list(
          criteria.map { criterion in
            .object([
              ("criterion", .string(criterion.name)), ("wanted", .string(criterion.wanted)),
              ("matched", .bool(criterion.matched)), ("reason", .string(criterion.reason)),
              ("deciding", .bool(criterion.isDeciding)),
            ])
          })
      ),
    ])
  }
}
