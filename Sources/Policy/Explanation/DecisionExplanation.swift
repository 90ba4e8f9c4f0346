/// Why a policy says what it says of one request: every rule, operator and criterion, in the order of the file, with what was
/// wanted and what was there. For people who are refused, for `policy explain`, and for logs.
package struct DecisionExplanation: Sendable, Equatable {
  package var decision: Decision
  package var rules: [Rule]
  /// The file the rules stand in; empty where there is none.
  package var source: String

  /// One `allow:` or `deny:`.
  package struct Rule: Sendable, Equatable {
    /// Counted from 0, in the order of the file; rules merged from other keys follow.
    package var index: Int
    package var action: RuleAction
    /// At least one of its groups holds.
    package var holds: Bool
    package var groups: [Group]
  }

  /// One `and:`, `or:`, `not:` or `nor:`.
  package struct Group: Sendable, Equatable {
    package var operation: GroupOperator
    package var position: SourcePosition
    package var holds: Bool
    package var criteria: [Criterion]
  }

  package struct Criterion: Sendable, Equatable {
    /// As written: `email`, `claim/groups`.
    package var name: String
    package var position: SourcePosition
    /// What it asks for, in the policy's own words: `is "bob@example.com"`. Empty where the name says everything.
    package var wanted: String
    /// What the request brought: personal data of whoever asks. `nil` where there is nothing to compare.
    package var seen: String?
    /// How the one nearly was the other; `nil` where it was not.
    package var nearMiss: String?
    /// What it said itself, before `not` and `nor` turn it.
    package var matched: Bool
    /// The reference's word for it: `email-unauthorized`.
    package var reason: String
    /// Whether it belongs to what made the answer.
    package var isDeciding: Bool
  }

  /// The answer in a sentence, with the rule that made it.
  package var summary: String {
    if decision.isAllowed {
      return deciding(.allow).map { "Rule \($0 + 1) allows it." } ?? "It is allowed."
    }
    if let rule = deciding(.deny) { return "Rule \(rule + 1) denies it." }
    if decision.needsSignIn { return "Nobody is signed in." }
    let allowing = rules.filter { $0.action == .allow }
    return allowing.isEmpty ? "There is no rule that allows anybody." : "No rule allows it."
  }

  /// The names of the reasons that made the answer, each once, in order.
  package var decidingReasons: [String] {
    var names: [String] = []
    for criterion in criteria where criterion.isDeciding && !names.contains(criterion.reason) {
      names.append(criterion.reason)
    }
    return names
  }

  /// All of them, in the order of the file.
  package var criteria: [Criterion] { rules.flatMap { $0.groups.flatMap(\.criteria) } }

  /// The first rule of this kind that holds.
  private func deciding(_ action: RuleAction) -> Int? { rules.first { $0.action == action && $0.holds }?.index }
}

extension AccessPolicy {
  /// Decides like `decide`, and tells how.
  package func explain(_ request: AccessRequest) -> DecisionExplanation {
    var holding: [Bool] = []
    let evaluation = Evaluation(of: self, request) { _, _, holds in holding.append(holds) }
    // One for each group, in the order of rules.
    var left = holding[...]
    let explained = rules.enumerated().map { index, rule -> DecisionExplanation.Rule in
      let groups = rule.groups.map { group in
        evaluation.explain(group, of: rule.action, holds: left.popFirst() ?? false, request)
      }
      return DecisionExplanation.Rule(
        index: index, action: rule.action, holds: groups.contains(where: \.holds), groups: groups)
    }
    return DecisionExplanation(decision: evaluation.decision(self), rules: explained, source: source)
  }
}

extension Evaluation {
  fileprivate func explain(
    _ group: Group, of action: RuleAction, holds: Bool, _ request: AccessRequest
  ) -> DecisionExplanation.Group {
    let helpsAccess = group.operation.isPositive == (action == .allow)
    let criteria = group.criteria.map { criterion -> DecisionExplanation.Criterion in
      let answer = question.answer(criterion.test, helpsAccess: helpsAccess)
      let counts = (group.operation.isPositive ? answer.matched : !answer.matched) == holds
      return DecisionExplanation.Criterion(
        name: criterion.name, position: criterion.position, wanted: criterion.test.wanted,
        seen: criterion.test.seen(in: request, subject: question.subject),
        nearMiss: answer.matched ? nil : criterion.test.nearMiss(in: request, subject: question.subject),
        matched: answer.matched, reason: answer.reason.rawValue,
        isDeciding: counts && isDeciding(answer.reason, of: action, groupHolds: holds))
    }
    return DecisionExplanation.Group(
      operation: group.operation, position: group.position, holds: holds, criteria: criteria)
  }
}
