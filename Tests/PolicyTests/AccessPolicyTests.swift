import Policy
import Testing

@Suite struct AccessPolicyTests {
  @Test func `a policy reads its paths as the path was read`() throws {
    var parser = PolicyParser()
    let policy = parser.parse(
      FlowText.parse(
        "[{allow: {or: [{http_path: {starts_with: '/a%20b'}}]}}, {deny: {or: [{http_path: {is: '/a%20b/x'}}]}}]"))
    try #require(parser.errors.isEmpty)
    let loose = policy.readingPaths { $0.replacing("%20", with: " ") }
    func allows(_ policy: AccessPolicy, _ path: String) -> Bool {
      policy.decide(AccessRequest(subject: nil, path: path, now: UnixTime(seconds: 0))).isAllowed
    }
    #expect(allows(policy, "/a%20b") && !allows(policy, "/a b"))
    #expect(allows(loose, "/a b") && !allows(loose, "/a%20b") && !allows(loose, "/a b/x"))
  }

  @Test func `without rules nobody gets in`() {
    #expect(!AccessPolicy.denyAll.decide(People.request("alice", "")).isAllowed)
    #expect(AccessPolicy.denyAll.allowsNobody)
    #expect(AccessPolicy.anyAuthenticatedUser.decide(People.request("noemail", "")).isAllowed)
    #expect(AccessPolicy.anyAuthenticatedUser.decide(People.request("nobody", "")).needsSignIn)
  }

  @Test func `merged policies have the rules of both`() throws {
    let deny = try AccessPolicy(parsing: FlowText.parse("{deny: {or: [{email: bob@other.org}]}}"))
    let merged = AccessPolicy.anyAuthenticatedUser.merging(deny)
    #expect(merged.decide(People.request("alice", "")).isAllowed)
    #expect(!merged.decide(People.request("bob", "")).isAllowed)
  }

  @Test func `moved lines are no change`() throws {
    let one = try AccessPolicy(parsing: FlowText.parse("{allow: {or: [{email: a@x}]}}"))
    let two = try AccessPolicy(parsing: FlowText.parse("{allow:    {or: [   {email:   a@x}]}}"))
    let other = try AccessPolicy(parsing: FlowText.parse("{allow: {or: [{email: b@x}]}}"))
    #expect(one == two)
    #expect(one != other)
  }

  @Test func `a decision knows how long it holds and whether the request mattered`() throws {
    let request = People.request("alice", "ip=10.0.0.1")
    let email = try AccessPolicy(parsing: FlowText.parse("{allow: {or: [{email: alice@example.com}]}}"))
    #expect(email.decide(request).validUntil == request.subject?.expiresAt)
    #expect(!email.decide(request).dependsOnRequest)
    let open = try AccessPolicy(parsing: FlowText.parse("{allow: {or: [{accept: true}]}}"))
    #expect(open.decide(request).validUntil == nil)
    for criterion in [
      "source_ip: 10.0.0.1", "http_method: GET", "http_path: /", "cors_preflight: true", "ssh_username: x",
      "ssh_username_matches_email: true", "ssh_username_matches_claim: x",
    ] {
      let policy = try AccessPolicy(parsing: FlowText.parse("{allow: {or: [{\(criterion)}]}}"))
      #expect(policy.decide(request).dependsOnRequest, "\(criterion)")
    }
  }

  @Test func `reasons name the rule, the criterion and the reference's word for it`() throws {
    let policy = try AccessPolicy(
      parsing: FlowText.parse(
        "[{allow: {and: [{authenticated_user: true}, {email: x@y}]}}, {deny: {or: [{groups: z}]}}]"))
    let explanation = policy.explain(People.request("alice", ""))
    #expect(!explanation.decision.isAllowed)
    #expect(explanation.decidingReasons == ["email-unauthorized"])
    #expect(explanation.criteria.map(\.name) == ["authenticated_user", "email", "groups"])
    #expect(explanation.criteria.map(\.matched) == [true, false, false])
    #expect(explanation.rules.map(\.groups.count) == [1, 1])
    #expect(explanation.criteria.map(\.isDeciding) == [false, true, false])
    #expect(explanation.criteria.allSatisfy { $0.position.column > 0 })
  }

  /// The sign of the kelvin is a k in the domain name system, and several providers let people choose the case of any letter.
  @Test(arguments: ["bob@ban\u{212A}.com", "bob@BANK.com", "\u{C9}ric@bank.com", "E\u{301}ric@bank.com"])
  func `no case of a letter dodges a deny or opens anything`(_ address: String) throws {
    let deny = try AccessPolicy(
      parsing: FlowText.parse(
        "[{allow: {or: [{accept: true}]}}, {deny: {or: [{email: \u{E9}ric@bank.com}, {domain: bank.com}]}}]"))
    let allow = try AccessPolicy(
      parsing: FlowText.parse("{allow: {or: [{email: \u{E9}ric@bank.com}, {domain: {not_in: [bank.com]}}]}}"))
    let subject = Subject(
      sessionID: "s", issuer: "https://idp", userID: "u", email: address, emailIsTrusted: true,
      expiresAt: UnixTime(seconds: 10))
    let request = AccessRequest(subject: subject, path: "/", now: UnixTime(seconds: 0))
    #expect(!deny.decide(request).isAllowed)
    #expect(!allow.decide(request).isAllowed)
  }
}
