extension DecisionExplanation {
  /// For a terminal or a log: one line for each rule, operator and criterion, indented.
  ///
  ///     refused: No rule allows it.
  ///     rule 1, allow: does not hold
  ///       and: does not hold
  ///         yes  authenticated_user (user-ok, config.yaml:11:13)
  ///       * no   email is "bob@example.com"; it is "alice@example.com" (email-unauthorized, config.yaml:12:13)
  ///
  /// A star marks what made the answer. Values of the request are whatever their senders wrote: show them in a printable form.
  package var text: String {
    var lines = ["\(decision.isAllowed ? "allowed" : "refused"): \(summary)"]
    for rule in rules {
      lines.append("rule \(rule.index + 1), \(rule.action.rawValue): \(Self.words(holds: rule.holds))")
      for group in rule.groups {
        lines.append("  \(group.operation.rawValue): \(Self.words(holds: group.holds))")
        lines += group.criteria.map {
          "  \($0.isDeciding ? "*" : " ") \($0.matched ? "yes" : "no ")  \($0.text(in: source))"
        }
      }
    }
    return lines.joined(separator: "\n")
  }

  /// Which rule, which criterion, which value made the answer: a line each, of no more than `length` characters, for logs.
  package func decidingLines(most: Int = 8, length: Int = 400) -> [String] {
    var lines: [String] = []
    for rule in rules {
      for group in rule.groups {
        for criterion in group.criteria where criterion.isDeciding {
          guard lines.count < most else { return lines }
          let place = "rule \(rule.index + 1), \(rule.action.rawValue) \(group.operation.rawValue)"
          lines.append(String("\(place): \(criterion.text(in: source))".prefix(length)))
        }
      }
    }
    return lines
  }

  private static func words(holds: Bool) -> String { holds ? "holds" : "does not hold" }
}

extension DecisionExplanation.Criterion {
  /// `email is "Bob@example.com"; it is "bob@example.com", which differs in case only (email-unauthorized, config.yaml:12:9)`
  ///
  /// - Parameter source: the file, if it is known.
  package func text(in source: String = "") -> String {
    let question = wanted.isEmpty ? name : "\(name) \(wanted)"
    let answer = seen.map { "; it is \($0)" } ?? ""
    let almost = nearMiss.map { ", \($0)" } ?? ""
    let place =
      position.line > 0 ? ", \(source.isEmpty ? "line " : "\(source):")\(position.line):\(position.column)" : ""
    return "\(question)\(answer)\(almost) (\(reason)\(place))"
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
