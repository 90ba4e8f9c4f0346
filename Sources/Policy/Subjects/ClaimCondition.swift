/// What one claim of a workload's token must say.
package struct ClaimCondition: Sendable, Hashable {
  /// The claim's name, and the names of members inside it where it is an object.
  package var path: [String]
  /// One of these.
  package var patterns: [ClaimPattern]

  package init(path: [String], patterns: [ClaimPattern]) {
    self.path = path
    self.patterns = patterns
  }

  /// A text must match; true, false and whole numbers count as they are written; of a list one element must match. What is
  /// missing, null or an object never does.
  package func holds(for claims: [String: ClaimValue]) -> Bool {
    guard let first = path.first, var value = claims[first] else { return false }
    for name in path.dropFirst() {
      guard case .object(let members) = value, let member = members[name] else { return false }
      value = member
    }
    if case .list(let elements) = value { return elements.contains(where: matches) }
    return matches(value)
  }

  private func matches(_ value: ClaimValue) -> Bool {
    switch value {
    case .string(let text): patterns.contains { $0.matches(text) }
    case .bool(let bool): patterns.contains { $0.matches(bool ? "true" : "false") }
    case .number(let number):
      Int64(exactly: number).map { whole in patterns.contains { $0.matches(String(whole)) } } ?? false
    case .null, .list, .object: false
    }
  }
}
