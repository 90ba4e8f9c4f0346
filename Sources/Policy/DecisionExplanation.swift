/// Why a policy says what it says of one request: every rule, operator and criterion, in the order of the file, with what was
/// wanted and what was there. For people who are refused, for `policy explain`, and for logs.
package struct DecisionExplanation: Sendable, Equatable {
  package var decision: Decision
  package var rules: [Rule]

  /// One `allow:` or `deny:`.
  package struct Rule: Sendable, Equatable {
    /// Counted from 0, in the order of the file.
    package var index: Int
    package var action: RuleAction
    /// At least one of its groups holds.
    package var holds: Bool
    package var groups: [Group]
  }

  /// One `and:`, `or:`, `not:` or `nor:`.
  package struct Group: Sendable, Equatable {
    package var operation: GroupOperator
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

  /// The first rule of this kind that holds.
  private func deciding(_ action: RuleAction) -> Int? { rules.first { $0.action == action && $0.holds }?.index }
}

extension AccessPolicy {
  /// Decides like `decide`, and tells how.
  package func explain(_ request: AccessRequest) -> DecisionExplanation {
    let decision = Evaluation(of: self, request).decision()
    let subject = request.subject.flatMap { $0.expiresAt > request.now ? $0 : nil }
    // Reasons come one for each criterion, in the order of rules, groups and criteria.
    var reasons = decision.reasons[...]
    let explained = rules.enumerated().map { index, rule -> DecisionExplanation.Rule in
      let groups = rule.groups.map { group -> DecisionExplanation.Group in
        let said = zip(group.criteria, reasons.prefix(group.criteria.count))
        let holds = reasons.first?.groupHolds ?? false
        let criteria = said.map { criterion, reason in
          DecisionExplanation.Criterion(
            name: criterion.name, position: criterion.position, wanted: criterion.test.wanted,
            seen: criterion.test.seen(in: request, subject: subject), matched: reason.matched, reason: reason.name,
            isDeciding: reason.isDeciding)
        }
        reasons = reasons.dropFirst(group.criteria.count)
        return DecisionExplanation.Group(operation: group.operation, holds: holds, criteria: criteria)
      }
      return DecisionExplanation.Rule(
        index: index, action: rule.action, holds: groups.contains(where: \.holds), groups: groups)
    }
    return DecisionExplanation(decision: decision, rules: explained)
  }
}
