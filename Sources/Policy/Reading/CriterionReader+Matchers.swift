extension CriterionReader {
  /// An operator object, or a bare text that means `is`.
  mutating func stringMatcher(_ node: PolicyNode) -> StringMatcher? {
    switch node.value {
    case .string(let text):
      return .equals(text)
    case .object(let entries):
      if entries.isEmpty { noOperator(node, CriterionName.text) }
      var conditions: [StringMatcher.Condition] = []
      for entry in entries {
        if let condition = stringCondition(entry) { conditions.append(condition) }
      }
      return errors.isEmpty ? StringMatcher(conditions: conditions) : nil
    case .number, .bool:
      wrongType(node)
      return nil
    case .null, .list:
      noOperator(node, CriterionName.text)
      return nil
    }
  }

  private mutating func stringCondition(_ entry: PolicyNode.Entry) -> StringMatcher.Condition? {
    switch entry.key {
    case "is": text(entry.value).map { .equals($0) }
    case "not": text(entry.value).map { .differs($0) }
    case "contains": text(entry.value).map { .contains($0) }
    case "starts_with": text(entry.value).map { .startsWith($0) }
    case "ends_with": text(entry.value).map { .endsWith($0) }
    case "in": textList(entry).map { .isOne(of: $0) }
    case "not_in": textList(entry).map { .isNone(of: $0) }
    default: unknownOperator(entry, CriterionName.text)
    }
  }

  /// An operator object, or a bare value that means `has`.
  mutating func listMatcher(_ node: PolicyNode) -> ListMatcher? {
    switch node.value {
    case .object(let entries):
      if entries.isEmpty { noOperator(node, CriterionName.list) }
      var conditions: [ListMatcher.Condition] = []
      for entry in entries {
        let condition: ListMatcher.Condition? =
          switch entry.key {
          case "has": scalar(entry.value).map { .has($0) }
          case "is": scalar(entry.value).map { .isOnly($0) }
          case "exclude": scalar(entry.value).map { .excludes($0) }
          default: unknownOperator(entry, CriterionName.list)
          }
        if let condition { conditions.append(condition) }
      }
      return errors.isEmpty ? ListMatcher(conditions: conditions) : nil
    case .null, .list:
      noOperator(node, CriterionName.list)
      return nil
    case .string, .number, .bool:
      return scalar(node).map { ListMatcher(conditions: [.has($0)]) }
    }
  }

  private mutating func text(_ node: PolicyNode) -> String? {
    if case .string(let text) = node.value { return text }
    wrongType(node)
    return nil
  }

  private mutating func textList(_ entry: PolicyNode.Entry) -> [String]? {
    guard case .list(let items) = entry.value.value else {
      fail(entry.value, "`\(entry.key)` needs a list, not \(entry.value.kind)", "as `\(entry.key): [one, two]`")
      return nil
    }
    if items.isEmpty { fail(entry.value, "`\(entry.key)` with an empty list", "name at least one value") }
    return items.compactMap { text($0) }
  }

  private mutating func scalar(_ node: PolicyNode) -> ClaimValue? {
    switch node.value {
    case .string(let text): return .string(text)
    case .number(let number): return .number(number)
    case .bool(let flag): return .bool(flag)
    case .list:
      fail(node, "expected one value, not a list", "write one criterion for each value, under `or:`")
      return nil
    case .null, .object:
      fail(node, "expected a value, not \(node.kind)", nil)
      return nil
    }
  }

  private mutating func wrongType(_ node: PolicyNode) {
    switch node.value {
    case .number, .bool:
      fail(node, "expected a text, not \(node.kind): values are compared with their type", "put it in quotes")
    case .list: fail(node, "expected a text, not a list", "a list goes with `in` or `not_in`")
    case .null, .string, .object: fail(node, "expected a text, not \(node.kind)", nil)
    }
  }

  private mutating func noOperator(_ node: PolicyNode, _ known: [String]) {
    let list = known.map { "`\($0)`" }.joined(separator: ", ")
    fail(node, "expected a value or an operator, not \(describe(node))", "operators are \(list)")
  }

  private func describe(_ node: PolicyNode) -> String {
    if case .object = node.value { return "an empty object" }
    return node.kind
  }

  mutating func unknownOperator<Condition>(_ entry: PolicyNode.Entry, _ known: [String]) -> Condition? {
    let nearest = nearestName(to: entry.key, among: known).map { "did you mean `\($0)`?" }
    let list = known.map { "`\($0)`" }.joined(separator: ", ")
    fail(
      PolicyNode(.null, at: entry.keyPosition), "unknown operator `\(entry.key)`", nearest ?? "operators are \(list)")
    return nil
  }
}
