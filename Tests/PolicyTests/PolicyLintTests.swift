import Testing

@testable import Policy

/// What can be read and probably is not meant.
@Suite struct PolicyLintTests {
  private static func warnings(_ policy: String, _ purpose: PolicyPurpose? = nil) -> [PolicyError] {
    var parser = PolicyParser(for: purpose, timeZones: People.zones)
    _ = parser.parse(FlowText.parse(policy))
    #expect(parser.errors.isEmpty, "\(policy): \(parser.errors)")
    return parser.warnings
  }

  /// Policy, what the warning says, its column, what it suggests.
  @Test(arguments: [
    ("{allow: {nor: [{email: a@b}]}}", "`nor` holds when at least one", 10, "write `not`"),
    ("{allow: {and: [{email: a@b}], not: [{email: c@d}]}}", "each lets people in by itself", 31, "write a `deny`"),
    ("{allow: {and: [{email: a@b}, {email: c@d}]}}", "cannot be \"c@d\" and \"a@b\" at once", 31, "under `or:`"),
    ("{allow: {or: [{email: a@b}, {email: a@b}]}}", "written twice", 30, "take one out"),
    ("{allow: {or: [{accept: true}, {email: a@b}]}}", "everybody is let in", 16, "take one"),
    ("{allow: {or: [{reject: true}]}}", "lets nobody in", 16, "`accept`"),
    ("{deny: {or: [{accept: true}]}}", "denies everybody", 15, "take the rule out"),
    ("{deny: {or: [{authenticated_user: true}]}}", "denies everybody", 15, "take the rule out"),
    ("{deny: {and: [{reject: true}, {user: x}]}}", "changes nothing", 16, "take it out"),
    ("{allow: {or: [{email: example.com}]}}", "an address has an @", 16, "`domain: example.com`"),
    ("{allow: {or: [{email: {in: [a@b, 'c @d']}}]}}", "no blanks", 16, ""),
    ("{allow: {or: [{domain: '@example.com'}]}}", "behind the @", 16, "write `example.com`"),
    ("{allow: {or: [{domain: ann@example.com}]}}", "behind the @", 16, "`email: ann@example.com`"),
    ("{allow: {or: [{http_method: get}]}}", "case-sensitive", 16, "write `GET`"),
    ("{allow: {or: [{http_path: admin}]}}", "begins with /", 16, "write `/admin`"),
    ("{allow: {or: [{http_path: {starts_with: admin/}}]}}", "never starts with", 16, "write `/admin/`"),
    ("{allow: {or: [{http_path: '/a?b=c'}]}}", "no query", 16, "before it"),
    ("{allow: {or: [{pomerium_routes: true}]}}", "the edge's own", 16, "take it out"),
    ("{allow: {or: [{device: {type: any}}]}}", "lets nobody in", 16, "client_certificate"),
    ("{allow: {or: []}}", "never holds", 14, ""),
  ])
  func isTold(_ policy: String, _ message: String, _ column: Int, _ suggestion: String) {
    let found = Self.warnings(policy)
    #expect(found.count == 1, "\(policy): \(found)")
    #expect(found.first?.message.contains(message) == true, "\(policy): \(found)")
    #expect(found.first?.position.column == column, "\(policy): \(found)")
    #expect(suggestion.isEmpty || found.first?.suggestion?.contains(suggestion) == true, "\(policy): \(found)")
  }

  @Test(arguments: [
    "{allow: {and: [{domain: example.com}, {groups: dev}]}}", "{allow: {or: [{email: a@b}, {email: c@d}]}}",
    "[{allow: {and: [{authenticated_user: true}]}}, {deny: {or: [{email: a@b}]}}]", "{deny: {or: [{reject: true}]}}",
    "{allow: {and: [{claim/a: x}, {claim/a: y}, {groups: x}, {groups: y}]}}", "{allow: {or: [{accept: true}]}}",
    "{allow: {and: [{email: {starts_with: a}}, {email: {ends_with: '@b'}}]}}", "{allow: {or: [{user: bob}]}}",
    "{allow: {and: [{http_path: {starts_with: /a, not: b}}, {http_method: {in: [GET, HEAD]}}]}}",
  ])
  func whatIsUsualIsNotTold(_ policy: String) { #expect(Self.warnings(policy).isEmpty) }

  @Test func `a criterion that has nothing to look at is told, and no other`() {
    let meaning: [String: [PolicyPurpose]] = [
      "http_method: GET": [.visit], "http_path: /": [.visit], "cors_preflight: true": [.visit],
      "client_certificate: {san_dns: x}": [.visit], "invalid_client_certificate: true": [.visit],
      "ssh_username: x": [.login, .publish], "ssh_username_matches_email: true": [.login, .publish],
      "ssh_username_matches_claim: x": [.login, .publish], "ssh_publickey: '\(People.keyLine)'": [.login, .publish],
      "ssh_ca: '\(People.keyLine)'": [.login, .publish], "ssh_forward_host: x.example.com": [.publish],
      "source_ip: 10.0.0.1": PolicyPurpose.allCases, "user: x": PolicyPurpose.allCases,
      "day_of_week: mon": PolicyPurpose.allCases, "service_account: x": PolicyPurpose.allCases,
    ]
    for (criterion, purposes) in meaning {
      for purpose in PolicyPurpose.allCases {
        let found = Self.warnings("{allow: {and: [{\(criterion)}]}}", purpose)
        #expect(found.isEmpty == purposes.contains(purpose), "\(criterion) in \(purpose): \(found)")
        #expect(found.allSatisfy { $0.message.contains("nothing to look at in \(purpose.words)") })
      }
    }
  }

  @Test func `warnings come in the order of the file`() {
    let found = Self.warnings("{allow: {and: [{http_path: x}, {email: y}], nor: [{domain: '@z'}]}}")
    #expect(found.count == 5 && found.map(\.position) == found.map(\.position).sorted())
  }

  @Test func `what older keys add is not looked at`() {
    var parser = PolicyParser(for: .visit, isWritten: false)
    _ = parser.parse(FlowText.parse("{allow: {or: [{email: bob}, {user: bob}, {accept: true}]}}"))
    #expect(parser.errors.isEmpty && parser.warnings.isEmpty)
  }
}
