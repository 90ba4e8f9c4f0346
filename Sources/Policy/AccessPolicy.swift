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

  var rules: [Rule]

  init(rules: [Rule]) { self.rules = rules }

  /// The first mistake is thrown; `PolicyParser` gives all of them.
  package init(parsing node: PolicyNode) throws(PolicyError) {
    var parser = PolicyParser()
    let policy = parser.parse(node)
    if let error = parser.errors.first { throw error }
    self = policy
  }

  /// The rules of both.
  package func merging(_ other: AccessPolicy) -> AccessPolicy { AccessPolicy(rules: rules + other.rules) }

  package func decide(_ request: AccessRequest) -> Decision {
    Evaluation(of: self, request).decision()
  }

  /// Whether it asks for certificates of visitors.
  package var asksForCertificates: Bool {
    rules.contains { $0.groups.contains { $0.criteria.contains { $0.test.dependsOnCertificate } } }
  }

  /// Nothing in it can ever allow.
  package var allowsNobody: Bool { !rules.contains { $0.action == .allow && !$0.groups.isEmpty } }
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
}
