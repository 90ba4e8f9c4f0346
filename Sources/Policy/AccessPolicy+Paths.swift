extension AccessPolicy {
  /// The same policy for paths that have been read in another way: what it says of paths is read that way, too.
  package func readingPaths(_ reading: (String) -> String) -> AccessPolicy {
    mapping { test in
      if case .httpPath(let matcher) = test { .httpPath(matcher.reading(reading)) } else { test }
    }
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
