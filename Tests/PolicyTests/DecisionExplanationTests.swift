import Policy
import Testing

@Suite struct DecisionExplanationTests {
  private func explain(_ policy: String, _ who: String, _ details: String = "") throws -> DecisionExplanation {
    try AccessPolicy(parsing: FlowText.parse(policy)).explain(People.request(who, details))
  }

  @Test func `each rule, operator and criterion says what it wanted and what it saw`() throws {
    let explanation = try explain(
      """
      [{allow: {and: [{authenticated_user: true}, {email: bob@other.org}]}}, {allow: {or: [{groups: admins}]}}]
      """, "alice")
    #expect(
      explanation.text == """
        refused: No rule allows it.
        rule 1, allow: does not hold
          and: does not hold
            yes  authenticated_user (user-ok, line 1)
          * no   email is "bob@other.org"; it is "alice@example.com" (email-unauthorized, line 1)
        rule 2, allow: does not hold
          or: does not hold
          * no   groups has "admins"; it is "dev", "ops" (groups-unauthorized, line 1)
        """)
  }

  @Test func `a deny that holds is what decides`() throws {
    let explanation = try explain(
      "[{allow: {or: [{accept: true}]}}, {deny: {or: [{source_ip: [10.0.0.0/8, 2001:db8::/32]}]}}]", "alice",
      "ip=10.1.2.3")
    #expect(explanation.summary == "Rule 2 denies it.")
    #expect(explanation.rules.map(\.holds) == [true, true])
    let criteria = explanation.rules.flatMap { $0.groups.flatMap(\.criteria) }
    #expect(criteria.map(\.isDeciding) == [false, true])
    #expect(criteria.last?.wanted == "in 10.0.0.0/8, 2001:db8:0:0:0:0:0:0/32")
    #expect(criteria.last?.seen == "\"10.1.2.3\"")
  }

  @Test(arguments: [
    ("{email: a@b}", "nobody", "nobody signed in"), ("{email: a@b}", "noemail", "nothing"),
    ("{email: a@b}", "mallory", "\"alice@example.com\", which the provider has not verified"),
    ("{user: x}", "robot", "the service account \"ci-deploy\""), ("{service_account: x}", "alice", "a person"),
    ("{claim/level: 7}", "alice", "5"), ("{claim/address: 7}", "alice", "an object"),
    ("{claim/none: 7}", "alice", "nothing"),
    ("{http_path: {starts_with: /a, ends_with: b}}", "alice", "\"/x\""), ("{ssh_username: x}", "alice", "nothing"),
  ])
  func `what was seen`(_ criterion: String, _ who: String, _ seen: String) throws {
    let explanation = try explain("[{allow: {or: [\(criterion)]}}]", who, "path=/x")
    #expect(explanation.rules.first?.groups.first?.criteria.first?.seen == seen)
  }

  @Test func `it never differs from the decision`() throws {
    for vector in policyVectors {
      let policy = try AccessPolicy(parsing: FlowText.parse(vector.policy))
      let request = People.request(vector.who, vector.details)
      let explanation = policy.explain(request)
      #expect(explanation.decision == policy.decide(request))
      let criteria = explanation.rules.flatMap { $0.groups.flatMap(\.criteria) }
      #expect(criteria.map(\.reason) == explanation.decision.reasons.map(\.name))
      #expect(explanation.text.contains(explanation.summary))
    }
  }

  @Test func `long values are cut`() throws {
    let many = (0..<30).map { "u\($0)" }.joined(separator: ", ")
    let explanation = try explain("[{allow: {or: [{user: {in: [\(many)]}}]}}]", "alice")
    #expect(explanation.text.contains("\"u19\" and 10 more; it is \"u-alice\""))
  }
}
