import Testing

@testable import Policy

@Suite struct PolicyVectorTests {
  @Test func `each policy answers as the table says, for the reasons it says`() throws {
    for vector in PolicyVector.all {
      let policy = try vector.parsed()
      let request = People.request(vector.who, vector.details)
      let decision = policy.decide(request)
      let explanation = policy.explain(request)
      #expect(decision.answer == vector.answer, "\(vector.testDescription)")
      #expect(explanation.decidingReasons == vector.reasons, "\(vector.testDescription)")
      #expect(explanation.decision == decision, "\(vector.testDescription)")
      #expect(explanation.text.contains(explanation.summary))
      // A refusal never claims to be an admission, and an admission asks for nothing.
      #expect(!decision.isAllowed || (!decision.needsSignIn && !decision.needsOtherKey))
    }
    #expect(PolicyVector.all.count >= 600)
  }

  /// A criterion, or an operator of one, that no vector tries with both answers.
  @Test func `every criterion and operator is tried, both ways`() throws {
    var tried: Set<String> = []
    for vector in PolicyVector.all {
      let criteria = Self.criteria(of: FlowText.parse(vector.policy))
      let said = try vector.parsed().explain(People.request(vector.who, vector.details)).criteria
      try #require(criteria.count == said.count, "\(vector.testDescription)")
      for (entry, said) in zip(criteria, said) {
        let name = String(entry.key.prefix { $0 != "/" })
        tried.insert("\(name) \(said.matched)")
        guard case .object(let operators) = entry.value.value else {
          tried.insert("\(name) bare")
          continue
        }
        for entry in operators { tried.insert("\(name) \(entry.key) \(said.matched)") }
      }
    }
    for (name, operators) in CriterionName.operators.sorted(by: { $0.key < $1.key }) {
      for answer in [true, false] where !Self.answersOnce.contains("\(name) \(!answer)") {
        #expect(tried.contains("\(name) \(answer)"), "no vector in which `\(name)` is \(answer)")
        for operation in operators where name != "device" || !answer {
          #expect(
            tried.contains("\(name) \(operation) \(answer)"),
            "no vector in which `\(name)` with `\(operation)` is \(answer)")
        }
      }
      if [CriterionName.text, CriterionName.list, []].contains(operators) {
        #expect(tried.contains("\(name) bare"), "no vector with `\(name)` and nothing but a value")
      }
    }
  }

  /// What can be nothing else.
  private static let answersOnce: Set = ["accept true"]

  @Test func `every reason occurs`() throws {
    var names: Set<String> = []
    for vector in PolicyVector.all {
      names.formUnion(try vector.parsed().explain(People.request(vector.who, vector.details)).criteria.map(\.reason))
    }
    let missing = Set(ReasonName.allCases.map(\.rawValue)).subtracting(names)
    #expect(missing.isEmpty, "\(missing.sorted())")
  }

  /// The entries of a policy's criteria, in the order in which explanations have them.
  private static func criteria(of node: PolicyNode) -> [PolicyNode.Entry] {
    func entries(_ node: PolicyNode) -> [PolicyNode.Entry] {
      if case .object(let entries) = node.value { return entries }
      return []
    }
    func items(_ node: PolicyNode) -> [PolicyNode] {
      if case .list(let items) = node.value { return items }
      return [node]
    }
    return items(node).flatMap(entries).flatMap { rule -> [PolicyNode.Entry] in
      let groups = rule.key == "action" ? [] : GroupOperator(rawValue: rule.key) != nil ? [rule] : entries(rule.value)
      return groups.flatMap { items($0.value).flatMap(entries) }
    }
  }
}
