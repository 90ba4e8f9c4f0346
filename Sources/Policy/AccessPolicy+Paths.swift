extension AccessPolicy {
  /// The same policy for paths that have been read in another way: what it says of paths is read that way, too.
  package func readingPaths(_ reading: (String) -> String) -> AccessPolicy {
    var policy = self
    for (ruleIndex, rule) in rules.enumerated() {
      for (groupIndex, group) in rule.groups.enumerated() {
        for (index, criterion) in group.criteria.enumerated() {
          guard case .httpPath(let matcher) = criterion.test else { continue }
          policy.rules[ruleIndex].groups[groupIndex].criteria[index].test = .httpPath(matcher.reading(reading))
        }
      }
    }
    return policy
  }
}

extension StringMatcher {
  fileprivate func reading(_ reading: (String) -> String) -> StringMatcher {
    StringMatcher(
      conditions: conditions.map { condition in
        switch condition {
        case .equals(let operand): .equals(reading(operand))
        case .differs(let operand): .differs(reading(operand))
        case .contains(let operand): .contains(reading(operand))
        case .startsWith(let operand): .startsWith(reading(operand))
        case .endsWith(let operand): .endsWith(reading(operand))
        case .isOne(let operands): .isOne(of: operands.map(reading))
        case .isNone(let operands): .isNone(of: operands.map(reading))
        }
      })
  }
}
