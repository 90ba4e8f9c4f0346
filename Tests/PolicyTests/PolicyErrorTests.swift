import Policy
import Testing

@Suite struct PolicyErrorTests {
  /// No key of a login is ever equal to it: as a `deny` it would deny nobody.
  private static let certificate =
    "ssh-ed25519-cert-v01@openssh.com "
    + "AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

  private static let key = "AAAAC3NzaC1lZDI1NTE5AAAAIEv1Ei80RVTFO94uu4zSt+PRYArWMcOFpdfM4jx3hUWa"

  /// Policy, what the message says, the column, what the suggestion says.
  static let mistakes: [(String, String, Int, String)] = [
    ("text", "a policy is a rule or a list of rules, not a text", 1, "allow:"),
    ("'[{\"allow\": {}}]'", "a policy is a rule or a list of rules, not a text", 1, "take the quotes"),
    ("5", "not a number", 1, "allow:"),
    ("{}", "an empty rule", 1, "allow:"),
    ("[text]", "a rule is an object", 2, "allow:"),
    ("{alow: {and: []}}", "unknown rule key `alow`", 2, "did you mean `allow`?"),
    ("{allow: [{email: x}]}", "expected an object with `and`", 9, "list of criteria"),
    ("{allow: }", "not nothing", 9, "list of criteria"),
    ("{allow: {}}", "no `and`", 9, "list of criteria"),
    ("{allow: {adn: []}}", "unknown operator `adn`", 10, "did you mean `and`?"),
    ("{allow: {email: x}}", "unknown operator `email`", 10, "criteria stand in a list"),
    ("{allow: {and: {email: x}}}", "expected a list of criteria, not an object", 15, "- "),
    ("{allow: {and: }}", "expected a list of criteria, not nothing", 15, "- "),
    ("{allow: {and: [email]}}", "a criterion is an object", 16, "- name: value"),
    ("{allow: {and: [{}]}}", "a criterion is an object", 16, "- name: value"),
    ("{allow: {and: [{email: x, user: y}]}}", "several names (`email`, `user`)", 27, "before each"),
    ("{allow: {and: [{emial: x}]}}", "unknown criterion `emial`", 17, "did you mean `email`?"),
    ("{allow: {and: [{zzzzzz: x}]}}", "unknown criterion", 17, "known are"),
    ("{allow: {and: [{email/x: y}]}}", "`email` takes no path", 17, "write `email:`"),
    ("{allow: {and: [{claim: y}]}}", "which claim?", 17, "claim/family_name"),
    ("{allow: {and: [{claim/: y}]}}", "which claim?", 17, "claim/family_name"),
    ("{allow: {and: [{email: 5}]}}", "compared with their type", 24, "quotes"),
    ("{allow: {and: [{email: {is: 5}}]}}", "compared with their type", 29, "quotes"),
    ("{allow: {and: [{email: {iss: x}}]}}", "unknown operator `iss`", 25, "did you mean `is`?"),
    ("{allow: {and: [{email: {matches: x}}]}}", "unknown operator `matches`", 25, "operators are"),
    ("{allow: {and: [{email: {}}]}}", "not an empty object", 24, "operators are"),
    ("{allow: {and: [{email: [a, b]}]}}", "not a list", 24, "operators are"),
    ("{allow: {and: [{email: {in: a}}]}}", "`in` needs a list", 29, "[one, two]"),
    ("{allow: {and: [{email: {not_in: 5}}]}}", "`not_in` needs a list", 33, "[one, two]"),
    ("{allow: {and: [{email: {in: []}}]}}", "empty list", 29, "at least one"),
    ("{allow: {and: [{email: {in: [a, 5]}}]}}", "compared with their type", 33, "quotes"),
    ("{allow: {and: [{groups: {has: [a, b]}}]}}", "one value, not a list", 31, "under `or:`"),
    ("{allow: {and: [{groups: {starts_with: a}}]}}", "unknown operator", 26, "operators are"),
    ("{allow: {and: [{groups: }]}}", "not nothing", 25, "operators are"),
    ("{allow: {and: [{accept: false}]}}", "cannot be turned off", 25, "under `not:`"),
    ("{allow: {and: [{source_ip: 300.1.1.1}]}}", "neither an IP address", 28, "10.0.0.0/8"),
    ("{allow: {and: [{source_ip: 10.0.0.0/33}]}}", "neither an IP address", 28, "10.0.0.0/8"),
    ("{allow: {and: [{source_ip: []}]}}", "not an empty list", 28, ""),
    ("{allow: {and: [{source_ip: 5}]}}", "not a number", 28, ""),
    ("{allow: {and: [{ssh_publickey: ssh-ed25519}]}}", "not an OpenSSH public key", 32, ".pub"),
    ("{deny: {or: [{ssh_publickey: \(certificate)}]}}", "not an OpenSSH public key", 30, ".pub"),
    (
      "{allow: {and: [{ssh_publickey: ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIAAA}]}}", "not an OpenSSH public key", 32, ".pub"
    ),
    (
      "{allow: {and: [{ssh_publickey: 'restrict ssh-ed25519 \(key)'}]}}", "options before the key", 32, "source_ip"
    ),
    ("{deny: {or: [{ssh_ca: 'cert-authority ssh-ed25519 \(key)'}]}}", "options before the key", 23, ".pub"),
    ("{allow: {and: [{ssh_username_matches_claim: 5}]}}", "the name of a claim", 45, ""),
    ("{allow: {and: [{date: 2026-01-01}]}}", "expected an object", 23, "after: 2026-01-31"),
    ("{allow: {and: [{date: {}}]}}", "expected an object", 23, "after: 2026-01-31"),
    ("{allow: {and: [{date: {after: 2026-02-30}}]}}", "`2026-02-30` is no date", 31, "as 2026-01-31"),
    ("{allow: {and: [{date: {after: 2026-2-3}}]}}", "is no date", 31, "as 2026-01-31"),
    ("{allow: {and: [{date: {after: 2026-01-01T25:00}}]}}", "is no date", 31, "as 2026-01-31"),
    ("{allow: {and: [{date: {after: 2026-01-01T3PM}}]}}", "is no date", 31, "as 2026-01-31"),
    ("{allow: {and: [{date: {befor: 2026-01-01}}]}}", "unknown operator `befor`", 24, "did you mean `before`?"),
    ("{allow: {and: [{day_of_week: fry}]}}", "names no days", 30, "tue-fri"),
    ("{allow: {and: [{day_of_week: 'mon-tue-wed'}]}}", "names no days", 30, "tue-fri"),
    ("{allow: {and: [{day_of_week: {timezone: UTC}}]}}", "which days?", 30, "days: mon-fri"),
    ("{allow: {and: [{time_of_day: {after: 8:00}}]}}", "without `timezone`", 30, "timezone: Europe/Zurich"),
    ("{allow: {and: [{time_of_day: {timezone: UTC}}]}}", "without `after` and `before`", 30, "after:"),
    ("{allow: {and: [{time_of_day: {timezone: EST, after: 8:00}}]}}", "unknown time zone `EST`", 41, "IANA"),
    ("{allow: {and: [{time_of_day: {timezone: Mars/Olympus, after: 8:00}}]}}", "unknown time zone", 41, "IANA"),
    ("{allow: {and: [{time_of_day: {timezone: UTC, after: 24:00}}]}}", "no time of day", 53, "15:04"),
    ("{allow: {and: [{time_of_day: {timezone: UTC, after: 13PM}}]}}", "no time of day", 53, "3PM"),
    ("{allow: {and: [{time_of_day: {timezone: UTC, after: 0AM}}]}}", "no time of day", 53, "3PM"),
    ("{allow: {and: [{time_of_day: {timezone: UTC, after: 8}}]}}", "not a number", 53, "quotes"),
    ("{allow: {and: [{device: {}}]}}", "expected `is`, `approved` or `type`", 25, ""),
    ("{allow: {and: [{device: {kind: x}}]}}", "unknown operator `kind`", 26, "`approved`"),
    ("{allow: {and: [{ssh_forward_host: 'a b'}]}}", "cannot be part of a host name", 35, "*.dev.example.com"),
    ("{allow: {and: [{ssh_forward_host: '{user}.x'}]}}", "unknown placeholder `{user}`", 35, "{claim."),
    ("{allow: {and: [{ssh_forward_host: '{claim.x'}]}}", "without its `}`", 35, "{claim."),
    ("{action: permit, and: []}", "`action` is `allow` or `deny`", 10, ""),
  ]

  @Test("a mistake is named where it stands", arguments: mistakes)
  func mistake(_ policy: String, _ message: String, _ column: Int, _ suggestion: String) {
    var parser = PolicyParser()
    _ = parser.parse(FlowText.parse(policy))
    #expect(parser.errors.count == 1, "\(parser.errors)")
    #expect(parser.errors.first?.message.contains(message) == true, "\(parser.errors)")
    #expect(parser.errors.first?.position == SourcePosition(line: 1, column: column), "\(parser.errors)")
    let hint = parser.errors.first?.suggestion ?? ""
    #expect(suggestion.isEmpty || hint.contains(suggestion), "\(parser.errors)")
    #expect(throws: PolicyError.self) { try AccessPolicy(parsing: FlowText.parse(policy)) }
  }

  @Test("a criterion of the reference that cannot work here is refused by its name, with what to do instead")
  func unsupported() {
    #expect(CriterionName.unsupported.keys.sorted() == ["mcp_tool", "record"])
    for (name, instead) in CriterionName.unsupported {
      var parser = PolicyParser()
      _ = parser.parse(FlowText.parse("{allow: {and: [{\(name): x}]}}"))
      #expect(parser.errors.map(\.message) == ["the criterion `\(name)` is not supported"])
      #expect(parser.errors.first?.suggestion == instead)
    }
  }

  @Test func `all mistakes are found in one go`() {
    var parser = PolicyParser()
    _ = parser.parse(
      FlowText.parse("[{alow: {}}, {allow: {and: [{emial: x}, {email: {iss: y}}], orr: []}}, {deny: text}]"))
    #expect(parser.errors.count == 5, "\(parser.errors)")
    #expect(parser.errors.map(\.path).contains("[1].allow.and[1].email"))
  }

  @Test func `nor and empty lists earn a warning`() {
    var parser = PolicyParser()
    _ = parser.parse(FlowText.parse("{allow: {nor: [{email: x@y}]}, deny: {and: []}}"))
    #expect(parser.errors.isEmpty)
    #expect(parser.warnings.count == 2)
    #expect(parser.warnings.first?.message.contains("`nor`") == true)
  }

  @Test(arguments: [
    ("shred_secret", "shared_secret"), ("rutes", "routes"), ("ssh_adress", "ssh_address"), ("polciy", "policy"),
  ])
  func `the nearest name is found`(_ typed: String, _ meant: String) {
    #expect(nearestName(to: typed, among: ["address", "shared_secret", "routes", "ssh_address", "policy"]) == meant)
  }

  @Test func `a name far from all is not guessed at`() {
    #expect(nearestName(to: "banana", among: ["address", "routes"]) == nil)
    #expect(nearestName(to: "", among: ["a"]) == "a")
    #expect(nearestName(to: String(repeating: "x", count: 10_000), among: ["address"]) == nil)
  }
}

@Suite struct AddressTests {
  @Test(arguments: [
    "", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4/", ":::", "1::2::3", "12345::", "g::", "::1.2.3",
    "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", ":1:2:3:4:5:6:7:8", "1.2.3.4::", "+1.2.3.4", "1:2:3:4:5:6:7::8:9",
  ])
  func `what is no address is refused`(_ text: String) { #expect(IPAddress(text) == nil) }

  @Test(arguments: [
    ("::", "0:0:0:0:0:0:0:0"), ("::1", "0:0:0:0:0:0:0:1"), ("1::", "1:0:0:0:0:0:0:0"), ("::ffff:1.2.3.4", "1.2.3.4"),
    ("2001:DB8::a", "2001:db8:0:0:0:0:0:a"), ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"),
    ("fe80::1%eth0", "fe80::1"),
    ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
  ])
  func `two spellings are one address`(_ left: String, _ right: String) {
    #expect(IPAddress(left) != nil)
    #expect(IPAddress(left) == IPAddress(right))
  }

  @Test func `loopback is known in both families`() {
    #expect(IPAddress("127.9.9.9")?.isLoopback == true)
    #expect(IPAddress("::1")?.isLoopback == true)
    #expect(IPAddress("::ffff:127.0.0.1")?.isLoopback == true)
    #expect(IPAddress("128.0.0.1")?.isLoopback == false)
    #expect(IPAddress("::2")?.isLoopback == false)
  }
}
