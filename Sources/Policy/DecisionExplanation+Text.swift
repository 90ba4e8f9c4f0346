extension DecisionExplanation {
  /// For a terminal or a log: one line for each rule, operator and criterion, indented.
  ///
  ///     refused: No rule allows it.
  ///     rule 1, allow: does not hold
  ///       and: does not hold
  ///         yes  authenticated_user
  ///       * no   email is "bob@example.com"; it is "alice@example.com" (email-unauthorized, line 12)
  ///
  /// A star marks what made the answer. Values of the request are whatever their senders wrote: show them in a printable form.
  package var text: String {
    var lines = ["\(decision.isAllowed ? "allowed" : "refused"): \(summary)"]
    for rule in rules {
      lines.append("rule \(rule.index + 1), \(rule.action.rawValue): \(Self.words(holds: rule.holds))")
      for group in rule.groups {
        lines.append("  \(group.operation.rawValue): \(Self.words(holds: group.holds))")
        lines += group.criteria.map { "  \($0.isDeciding ? "*" : " ") \($0.matched ? "yes" : "no ")  \($0.text)" }
      }
    }
    return lines.joined(separator: "\n")
  }

  private static func words(holds: Bool) -> String { holds ? "holds" : "does not hold" }
}

extension DecisionExplanation.Criterion {
  /// `email is "bob@example.com"; it is "alice@example.com" (email-unauthorized, line 12)`
  package var text: String {
    let question = wanted.isEmpty ? name : "\(name) \(wanted)"
    let answer = seen.map { "; it is \($0)" } ?? ""
    return "\(question)\(answer) (\(reason)\(position.line > 0 ? ", line \(position.line)" : ""))"
  }
}

extension GroupOperator {
  /// When the group holds, in words.
  package var words: String {
    switch self {
    case .and: "all of these must be true"
    case .or: "one of these must be true"
    case .not: "none of these may be true"
    case .nor: "at least one of these must be false"
    }
  }
}
