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
            yes  authenticated_user (user-ok, line 1:18)
          * no   email is "bob@other.org"; it is "alice@example.com" (email-unauthorized, line 1:46)
        rule 2, allow: does not hold
          or: does not hold
          * no   groups has "admins"; it is "dev", "ops" (groups-unauthorized, line 1:87)
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

  @Test func `long values are cut`() throws {
    let many = (0..<30).map { "u\($0)" }.joined(separator: ", ")
    let explanation = try explain("[{allow: {or: [{user: {in: [\(many)]}}]}}]", "alice")
    #expect(explanation.text.contains("\"u19\" and 10 more; it is \"u-alice\""))
  }
}

@Suite struct NearMissTests {
  @Test(arguments: [
    ("{email: Alice@example.com}", "alice", "", "which differs in case only"),
    ("{email: alise@example.com}", "alice", "", "which is nearly that"),
    ("{email: u-alice}", "alice", "", "which is the user id: write `user`"),
    ("{user: alice@example.com}", "alice", "", "which is the address: write `email`"),
    ("{domain: EXAMPLE.com}", "alice", "", "which differs in case only"),
    ("{groups: Dev}", "alice", "", "of which \"dev\" differs in case only"),
    ("{groups: {is: dev}}", "alice", "", "which has others beside it: `is` wants it alone, `has` does not"),
    ("{claim/level: '5'}", "alice", "", "which is of another type: a text is wanted"),
    ("{claim/admin: 'true'}", "alice", "", "which is of another type: a text is wanted"),
    ("{claim/departement: x}", "alice", "", "and there is a claim `department`"),
    ("{http_method: get}", "nobody", "method=GET", "which differs in case only"),
    ("{http_path: {starts_with: /Admin}}", "nobody", "path=/admin/x", "which differs in case only"),
    ("{ssh_username: Root}", "alice", "login=root", "which differs in case only"),
    ("{service_account: CI-deploy}", "robot", "", "which differs in case only"),
    ("{email: zoe@other.test}", "alice", "", nil), ("{groups: sales}", "alice", "", nil),
    ("{email: alice@example.com}", "alice", "", nil), ("{email: Alice@example.com}", "nobody", "", nil),
    ("{email: {not: alice@example.com}}", "alice", "", nil), ("{source_ip: 10.0.0.1}", "nobody", "ip=10.0.0.2", nil),
  ])
  func isTold(_ criterion: String, _ who: String, _ details: String, _ near: String?) throws {
    let policy = try AccessPolicy(parsing: FlowText.parse("[{allow: {or: [\(criterion)]}}]"))
    let explained = policy.explain(People.request(who, details)).criteria.first
    #expect(explained?.nearMiss == near)
    #expect(near.map { explained?.text().contains(", \($0) (") == true } ?? true)
  }

  @Test func `the lines for logs are few and short`() throws {
    let many = (0..<40).map { "{email: 'p\($0)@example.com'}" }.joined(separator: ", ")
    let policy = try AccessPolicy(parsing: FlowText.parse("[{allow: {or: [\(many)]}}]"))
    var explanation = policy.explain(People.request("alice", ""))
    #expect(explanation.decidingLines().count == 8)
    #expect(explanation.decidingLines(most: 2, length: 20) == ["rule 1, allow or: em", "rule 1, allow or: em"])
    explanation.source = "edge.yaml"
    #expect(explanation.text.contains("(email-unauthorized, edge.yaml:1:17)"))
  }
}
