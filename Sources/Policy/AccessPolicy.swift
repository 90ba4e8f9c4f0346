/// A parsed policy: rules that allow and rules that deny. Deny wins, and without any rule nobody gets in.
package struct AccessPolicy: Sendable, Equatable {
  /// No rules: nobody.
  package static let denyAll = AccessPolicy(rules: [])

  /// Whoever is signed in.
  package static let anyAuthenticatedUser = AccessPolicy(rules: [
    Rule(
      action: .allow,
      groups: [Group(operation: .or, criteria: [Criterion(name: "authenticated_user", test: .authenticatedUser)])])
  ])

  private(set) var rules: [Rule]
  /// The file the rules stand in, for explanations; empty where there is none.
  package var source = ""
  let traits: PolicyTraits

  init(rules: [Rule], source: String = "") {
    self.rules = rules
    self.source = source
    traits = PolicyTraits(rules)
  }

  /// The first mistake is thrown; `PolicyParser` gives all of them.
  package init(parsing node: PolicyNode) throws(PolicyError) {
    var parser = PolicyParser()
    let policy = parser.parse(node)
    if let error = parser.errors.first { throw error }
    self = policy
  }

  /// The rules of both.
  package func merging(_ other: AccessPolicy) -> AccessPolicy {
    AccessPolicy(rules: rules + other.rules, source: source.isEmpty ? other.source : source)
  }

  package func decide(_ request: AccessRequest) -> Decision { Evaluation(of: self, request).decision(self) }

  /// Whether it asks for certificates of visitors.
  package var asksForCertificates: Bool { traits.contains(.certificate) }

  /// Nothing in it can ever allow.
  package var allowsNobody: Bool { !rules.contains { $0.action == .allow && !$0.groups.isEmpty } }

  /// The same rules with some criteria replaced.
  func mapping(_ change: (CriterionTest) -> CriterionTest) -> AccessPolicy {
    var changed = rules
    for rule in changed.indices {
      for group in changed[rule].groups.indices {
        for criterion in changed[rule].groups[group].criteria.indices {
          let test = changed[rule].groups[group].criteria[criterion].test
          changed[rule].groups[group].criteria[criterion].test = change(test)
        }
      }
    }
    return AccessPolicy(rules: changed, source: source)
  }

  /// Where it stands is no part of a policy.
  package static func == (left: Self, right: Self) -> Bool { left.rules == right.rules }
}

/// One `allow:` or `deny:`.
struct Rule: Sendable, Equatable {
  var action: RuleAction
  var groups: [Group]
}

/// One `and:`, `or:`, `not:` or `nor:`. Never empty.
struct Group: Sendable, Equatable {
  var operation: GroupOperator
  var criteria: [Criterion]
  var position: SourcePosition = .none

  /// Moved lines are no change of a policy.
  static func == (left: Self, right: Self) -> Bool {
    left.operation == right.operation && left.criteria == right.criteria
  }
}
