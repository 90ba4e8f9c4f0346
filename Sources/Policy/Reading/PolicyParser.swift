/// Turns a tree of values into a policy and collects every mistake on the way.
package struct PolicyParser {
  /// Why the policy cannot be used; empty when it can.
  package private(set) var errors: [PolicyError] = []
  /// What may not mean what was meant.
  package private(set) var warnings: [PolicyError] = []

  private let timeZones: TimeZoneSource
  private let source: String
  private var lint: PolicyLint?

  /// - Parameters:
  ///   - purpose: what the policy is for, so that criteria that mean nothing there are told.
  ///   - isWritten: somebody wrote it in this language, and hears of what they probably did not mean.
  ///   - source: the file, for explanations.
  ///   - timeZones: who knows zones by name; without one only UTC and offsets are understood.
  package init(
    for purpose: PolicyPurpose? = nil, isWritten: Bool = true, source: String = "",
    timeZones: @escaping TimeZoneSource = { _ in nil }
  ) {
    self.source = source
    self.timeZones = timeZones
    lint = isWritten ? PolicyLint(purpose: purpose) : nil
  }

  /// A rule or a list of rules. What comes back is to be used only when there were no errors.
  package mutating func parse(_ node: PolicyNode) -> AccessPolicy {
    var rules: [Rule] = []
    switch node.value {
    case .object:
      rules = parseRule(node, "")
    case .list(let nodes):
      for (index, rule) in nodes.enumerated() { rules += parseRule(rule, "[\(index)]") }
    case .string(let text) where text.contains("allow") || text.contains("deny"):
      fail(
        node, "", "a policy is a rule or a list of rules, not a text",
        "take the quotes or the `|` away: it stands in the file itself, in YAML or JSON")
    case .null, .bool, .number, .string:
      fail(node, "", "a policy is a rule or a list of rules, not \(node.kind)", Self.ruleForm)
    }
    warnings += lint?.warnings ?? []
    warnings.sort { $0.position < $1.position }
    return AccessPolicy(rules: rules, source: source)
  }

  private static let ruleForm =
    "write `allow:` or `deny:`, under it `and:`, `or:`, `not:` or `nor:` with a list of criteria"

  private mutating func parseRule(_ node: PolicyNode, _ path: String) -> [Rule] {
    guard case .object(let entries) = node.value else {
      fail(node, path, "a rule is an object with `allow` or `deny`, not \(node.kind)", Self.ruleForm)
      return []
    }
    if entries.contains(where: { $0.key == "action" }) { return parseActionForm(node, entries, path) }
    if entries.isEmpty { fail(node, path, "an empty rule", Self.ruleForm) }
    var rules: [Rule] = []
    for entry in entries {
      guard let action = RuleAction(rawValue: entry.key) else {
        unknown(entry, path, "rule key", known: RuleAction.allCases.map(\.rawValue))
        continue
      }
      rules.append(
        look(Rule(action: action, groups: parseGroups(entry.value, join(path, entry.key))), join(path, entry.key)))
    }
    return rules
  }

  /// `action: allow` beside the groups.
  private mutating func parseActionForm(_ node: PolicyNode, _ entries: [PolicyNode.Entry], _ path: String) -> [Rule] {
    var action: RuleAction?
    for entry in entries where entry.key == "action" {
      if case .string(let text) = entry.value.value { action = RuleAction(rawValue: text) }
      if action == nil { fail(entry.value, join(path, "action"), "`action` is `allow` or `deny`", nil) }
    }
    let rest = PolicyNode(.object(entries.filter { $0.key != "action" }), at: node.position)
    let groups = parseGroups(rest, path)
    return action.map { [look(Rule(action: $0, groups: groups), path)] } ?? []
  }

  private mutating func look(_ rule: Rule, _ path: String) -> Rule {
    lint?.look(at: rule, path)
    return rule
  }

  private mutating func parseGroups(_ node: PolicyNode, _ path: String) -> [Group] {
    guard case .object(let entries) = node.value else {
      fail(node, path, "expected an object with `and`, `or`, `not` or `nor`, not \(node.kind)", Self.ruleForm)
      return []
    }
    if entries.isEmpty { fail(node, path, "no `and`, `or`, `not` or `nor`", Self.ruleForm) }
    var groups: [Group] = []
    for entry in entries {
      guard let operation = GroupOperator(rawValue: entry.key) else {
        let isCriterion = CriterionName.known.contains(String(entry.key.prefix { $0 != "/" }))
        unknown(
          entry, path, "operator", known: GroupOperator.allCases.map(\.rawValue),
          suggestion: isCriterion ? "criteria stand in a list under `and:`, `or:`, `not:` or `nor:`" : nil)
        continue
      }
      if operation == .nor {
        warnings.append(
          PolicyError(
            "`nor` holds when at least one criterion is false, which is not what the word says elsewhere",
            at: entry.keyPosition, path: join(path, entry.key),
            suggestion: "if none of them may be true, write `not`"))
      }
      let criteria = parseCriteria(entry.value, join(path, entry.key))
      if !criteria.isEmpty {
        groups.append(Group(operation: operation, criteria: criteria, position: entry.keyPosition))
      }
    }
    return groups
  }

  private mutating func parseCriteria(_ node: PolicyNode, _ path: String) -> [Criterion] {
    guard case .list(let nodes) = node.value else {
      fail(node, path, "expected a list of criteria, not \(node.kind)", "put `- ` before each criterion")
      return []
    }
    if nodes.isEmpty {
      warnings.append(
        PolicyError("an empty list of criteria never holds", at: node.position, path: path, suggestion: nil))
    }
    var criteria: [Criterion] = []
    for (index, item) in nodes.enumerated() {
      let place = "\(path)[\(index)]"
      guard case .object(let entries) = item.value, let entry = entries.first else {
        fail(item, place, "a criterion is an object with one name, not \(item.kind)", "write it as `- name: value`")
        continue
      }
      if entries.count > 1, let second = entries.dropFirst().first {
        errors.append(
          PolicyError(
            "one criterion with several names (`\(entry.key)`, `\(second.key)`)", at: second.keyPosition, path: place,
            suggestion: "put `- ` before each criterion"))
        continue
      }
      var reader = CriterionReader(entry: entry, path: join(place, entry.key), timeZones: timeZones)
      if let test = reader.read() {
        criteria.append(Criterion(name: entry.key, test: test, position: entry.keyPosition))
      }
      errors += reader.errors
      warnings += reader.warnings
    }
    return criteria
  }

  private mutating func fail(_ node: PolicyNode, _ path: String, _ message: String, _ suggestion: String?) {
    errors.append(PolicyError(message, at: node.position, path: path, suggestion: suggestion))
  }

  private mutating func unknown(
    _ entry: PolicyNode.Entry, _ path: String, _ what: String, known: [String], suggestion: String? = nil
  ) {
    let nearest = nearestName(to: entry.key, among: known).map { "did you mean `\($0)`?" }
    let list = known.map { "`\($0)`" }.joined(separator: ", ")
    errors.append(
      PolicyError(
        "unknown \(what) `\(entry.key)`", at: entry.keyPosition, path: path,
        suggestion: suggestion ?? nearest ?? "known are \(list)"))
  }
}

/// One step deeper in the path that messages show.
func join(_ path: String, _ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }
