import TestSupport
import Testing

@testable import Policy

/// What holds of all policies, tried on many.
@Suite struct PolicyPropertyTests {
  private static let criteria = [
    "{accept: true}", "{reject: true}", "{authenticated_user: true}", "{email: alice@example.com}",
    "{domain: other.org}", "{groups: dev}", "{claim/level: 5}", "{source_ip: 10.0.0.0/8}", "{http_method: GET}",
    "{http_path: {starts_with: /x}}", "{user: {not: u-bob}}", "{service_account: ci-deploy}",
    "{device: {approved: false}}", "{day_of_week: sat}", "{invalid_client_certificate: true}",
  ]
  private static let people = ["nobody", "alice", "bob", "mallory", "robot", "expired"]
  private static let request = "ip=10.0.0.1 method=GET path=/x"

  private let known: [Criterion]
  private let requests: [(who: String, request: AccessRequest)]

  init() throws {
    known = try Self.criteria.map { text in
      let policy = try AccessPolicy(parsing: FlowText.parse("{allow: {and: [\(text)]}}"))
      return try #require(policy.rules.first?.groups.first?.criteria.first)
    }
    requests = Self.people.map { ($0, People.request($0, Self.request)) }
  }

  private func rule(_ generator: inout SeededGenerator, _ action: RuleAction? = nil) -> Rule {
    let groups = (0..<Int.random(in: 1...2, using: &generator)).map { _ in
      Group(
        operation: GroupOperator.allCases.randomElement(using: &generator) ?? .and,
        criteria: (0..<Int.random(in: 1...4, using: &generator)).compactMap { _ in
          known.randomElement(using: &generator)
        })
    }
    return Rule(action: action ?? (Bool.random(using: &generator) ? .allow : .deny), groups: groups)
  }

  private func forManyPolicies(_ seed: UInt64, _ body: ([Rule], inout SeededGenerator) -> Void) {
    var generator = SeededGenerator(seed)
    for _ in 0..<200 {
      body((0..<Int.random(in: 1...5, using: &generator)).map { _ in rule(&generator) }, &generator)
    }
  }

  @Test func `the order of rules, groups and criteria never matters`() {
    forManyPolicies(42) { rules, generator in
      let shuffled = rules.shuffled(using: &generator).map { rule in
        Rule(
          action: rule.action,
          groups: rule.groups.shuffled(using: &generator).map { group in
            Group(operation: group.operation, criteria: group.criteria.shuffled(using: &generator))
          })
      }
      let (one, other) = (AccessPolicy(rules: rules), AccessPolicy(rules: shuffled))
      for (who, request) in requests {
        #expect(one.decide(request) == other.decide(request), "\(who): \(rules)")
        #expect(Set(one.explain(request).decidingReasons) == Set(other.explain(request).decidingReasons))
      }
    }
  }

  @Test func `a deny that holds wins wherever it stands, and adding one never admits`() {
    forManyPolicies(43) { rules, generator in
      let more = rule(&generator, .deny)
      let place = Int.random(in: 0...rules.count, using: &generator)
      let extended = AccessPolicy(rules: Array(rules[..<place] + [more] + rules[place...]))
      let base = AccessPolicy(rules: rules)
      for (who, request) in requests {
        #expect(!extended.decide(request).isAllowed || base.decide(request).isAllowed, "\(who): \(more) to \(rules)")
        let holds = Evaluation(of: AccessPolicy(rules: [more]), request).deny.holds
        if holds { #expect(!extended.decide(request).isAllowed, "\(who): \(more) in \(rules)") }
      }
    }
  }

  @Test func `adding an allow never refuses who is signed in, and takes nothing from them`() {
    forManyPolicies(44) { rules, generator in
      let base = AccessPolicy(rules: rules)
      let extended = AccessPolicy(rules: rules + [rule(&generator, .allow)])
      for (who, request) in requests where request.liveSubject != nil {
        #expect(!base.decide(request).isAllowed || extended.decide(request).isAllowed, "\(who): \(rules)")
      }
    }
  }

  @Test func `an and of one is that one, and so is an or; a not of one is a nor of one`() {
    for criterion in known {
      for action in RuleAction.allCases {
        func policy(_ operation: GroupOperator) -> AccessPolicy {
          let everybody = Rule(
            action: .allow, groups: [Group(operation: .or, criteria: [Criterion(name: "accept", test: .accept)])])
          let rule = Rule(action: action, groups: [Group(operation: operation, criteria: [criterion])])
          return AccessPolicy(rules: action == .allow ? [rule] : [everybody, rule])
        }
        for (who, request) in requests {
          #expect(policy(.and).decide(request) == policy(.or).decide(request), "\(who): \(criterion.name)")
          #expect(policy(.not).decide(request) == policy(.nor).decide(request), "\(who): \(criterion.name)")
          let asked = CriterionQuestion(request).answer(criterion.test, helpsAccess: action == .allow)
          let isAccount = request.subject?.serviceAccount != nil && asked.reason != .serviceAccountOK
          let holds = asked.matched && !(action == .allow && isAccount)
          let evaluation = Evaluation(of: policy(.and), request)
          #expect((action == .allow ? evaluation.allow : evaluation.deny).holds == holds, "\(who): \(criterion.name)")
        }
      }
    }
  }

  /// How the reference merges: `merge_with_and`, `merge_with_or` and the inversion of one answer, written down once more.
  @Test func `answers and reasons are merged as the reference merges them`() {
    typealias Said = (isTrue: Bool, reasons: Set<String>)
    func merge(_ all: [Said], or: Bool) -> Said {
      let isTrue = or ? all.contains { $0.isTrue } : all.allSatisfy { $0.isTrue }
      return (isTrue, all.filter { $0.isTrue == isTrue }.reduce(into: []) { $0.formUnion($1.reasons) })
    }
    forManyPolicies(45) { rules, _ in
      let policy = AccessPolicy(rules: rules)
      for (who, request) in requests where who != "robot" {
        let explanation = policy.explain(request)
        func merged(_ action: RuleAction) -> Said {
          merge(
            explanation.rules.filter { $0.action == action }.flatMap(\.groups).map { group in
              let inverts = group.operation == .not || group.operation == .nor
              return merge(
                group.criteria.map { ($0.matched != inverts, [$0.reason]) },
                or: group.operation == .or || group.operation == .nor)
            }, or: true)
        }
        let (allow, deny) = (merged(.allow), merged(.deny))
        guard request.liveSubject != nil else {
          // Whoever is not signed in is never let in by a rule that asks who they are.
          #expect(!explanation.decision.isAllowed || allow.isTrue && !deny.isTrue, "\(who): \(rules)")
          continue
        }
        #expect(explanation.decision.isAllowed == (allow.isTrue && !deny.isTrue), "\(who): \(rules)")
        #expect(Set(explanation.decidingReasons) == (deny.isTrue ? deny : allow).reasons, "\(who): \(rules)")
      }
    }
  }
}
