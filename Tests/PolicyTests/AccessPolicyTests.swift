import Policy
import Testing

struct PolicyVector: Sendable, CustomTestStringConvertible {
  enum Answer: Sendable { case allow, deny, signIn, otherKey }

  var policy: String
  var who: String
  var details: String
  var answer: Answer

  init(_ policy: String, _ who: String, _ details: String, _ answer: Answer) {
    self.policy = policy
    self.who = who
    self.details = details
    self.answer = answer
  }

  var testDescription: String { "\(policy) \(who) \(details)" }
}

extension Decision {
  fileprivate var answer: PolicyVector.Answer {
    if isAllowed { return .allow }
    if needsOtherKey { return .otherKey }
    return needsSignIn ? .signIn : .deny
  }
}

@Suite struct AccessPolicyTests {
  static let vectors = policyVectors + timeVectors + forwardHostVectors + certificateAuthorityVectors

  /// Zurich in 2027.
  static func zones(_ name: String) -> TimeZoneRules? {
    guard name == "Europe/Zurich" else { return nil }
    return TimeZoneRules(
      name: name, offset: 3600,
      changes: [
        .init(from: UnixTime(seconds: 1_806_195_600), offset: 7200),
        .init(from: UnixTime(seconds: 1_824_944_400), offset: 3600),
      ])
  }

  @Test("each policy answers as the table says", arguments: vectors)
  func vector(_ vector: PolicyVector) throws {
    var parser = PolicyParser(timeZones: Self.zones)
    let policy = parser.parse(FlowText.parse(vector.policy))
    try #require(parser.errors.isEmpty, "\(parser.errors)")
    let decision = policy.decide(People.request(vector.who, vector.details))
    #expect(decision.answer == vector.answer)
    // A refusal never claims to be an admission, and an admission asks for nothing.
    #expect(!decision.isAllowed || (!decision.needsSignIn && !decision.needsOtherKey))
  }

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

  @Test func `the table is large enough to mean something`() { #expect(Self.vectors.count >= 300) }

  @Test func `deny wins whatever the order, and the order of rules never matters`() throws {
    var generator = SplitMix64(state: 42)
    let criteria = [
      "{accept: true}", "{authenticated_user: true}", "{email: alice@example.com}", "{domain: other.org}",
      "{groups: dev}", "{source_ip: 10.0.0.0/8}", "{http_method: GET}", "{user: {not: u-bob}}",
    ]
    for _ in 0..<400 {
      var rules: [String] = []
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let action = Bool.random(using: &generator) ? "allow" : "deny"
        let operation = ["and", "or", "not", "nor"].randomElement(using: &generator) ?? "and"
        let chosen = (0..<Int.random(in: 1...3, using: &generator)).compactMap { _ in
          criteria.randomElement(using: &generator)
        }
        rules.append("{\(action): {\(operation): [\(chosen.joined(separator: ", "))]}}")
      }
      let denies = rules.filter { $0.hasPrefix("{deny") }
      for who in ["nobody", "alice", "bob", "mallory", "robot"] {
        let request = People.request(who, "ip=10.0.0.1 method=GET")
        let answers = try [rules, rules.reversed(), rules.shuffled(using: &generator)].map {
          try AccessPolicy(parsing: FlowText.parse("[\($0.joined(separator: ", "))]")).decide(request).answer
        }
        #expect(Set(answers).count == 1, "\(rules) \(who)")
        let denied = try AccessPolicy(
          parsing: FlowText.parse("[{allow: {or: [{accept: true}]}}, \(denies.joined(separator: ", "))]"))
        if !denied.decide(request).isAllowed, who != "robot" { #expect(answers.first != .allow, "\(rules) \(who)") }
        let everybody = try AccessPolicy(
          parsing: FlowText.parse("[\(rules.joined(separator: ", ")), {deny: {or: [{reject: true}]}}]"))
        #expect(everybody.decide(request).answer == .deny)
      }
    }
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
    let decision = policy.decide(People.request("alice", ""))
    #expect(!decision.isAllowed)
    #expect(decision.decidingReasonNames == ["email-unauthorized"])
    #expect(decision.reasons.map(\.criterion) == ["authenticated_user", "email", "groups"])
    #expect(decision.reasons.map(\.matched) == [true, false, false])
    #expect(decision.reasons.map(\.rule) == [0, 0, 1])
    #expect(decision.reasons.map(\.isDeciding) == [false, true, false])
    #expect(decision.reasons.allSatisfy { $0.position.column > 0 })
  }
}

struct SplitMix64: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
