import Policy
import Testing

@testable import EdgeConfig

/// `workload` of a service account.
@Suite struct WorkloadTests {
  private static func entry(_ workload: String, name: String = "ci") -> String {
    "- {name: \(name), expires: 2099-01-01, routes: [a.example.org], workload: \(workload)}\n"
  }

  private func read(_ entries: String...) -> ConfigurationLoad {
    load(base + "service_accounts:\n" + entries.map { "  " + $0 }.joined())
  }

  private func workloads(_ workload: String) throws -> [ServiceAccountConfiguration.Workload] {
    let load = read(Self.entry(workload))
    #expect(load.errors.isEmpty, "\(load.errors)")
    return try #require(load.configuration?.serviceAccounts.first).workloads
  }

  @Test func `what is written is what counts`() throws {
    let workload = try #require(
      try workloads(
        "{issuer: https://jobs.example, audience: https://edge.example, jwks_uri: https://jobs.example/k?x=1, "
          + "claims: {repository: org/app, ref: [refs/heads/main, refs/tags/*], ok: true, n: 7, k.io: {ns: ci, sa: {name: w}}}}"
      ).first)
    #expect(workload.issuer == "https://jobs.example" && workload.audience == "https://edge.example")
    #expect(workload.keysURL == "https://jobs.example/k?x=1")
    func condition(_ path: [String], _ patterns: String...) throws -> ClaimCondition {
      ClaimCondition(path: path, patterns: try patterns.map { try ClaimPattern($0) })
    }
    #expect(
      try workload.conditions == [
        condition(["repository"], "org/app"), condition(["ref"], "refs/heads/main", "refs/tags/*"),
        condition(["ok"], "true"), condition(["n"], "7"), condition(["k.io", "ns"], "ci"),
        condition(["k.io", "sa", "name"], "w"),
      ])
  }

  @Test func `the audience is not the one of people's tokens`() {
    let load = read(Self.entry("{issuer: https://jobs.example, audience: edge, claims: {sub: x}}"))
    #expect(load.errors.map(\.message) == ["`service_accounts`: the `audience` of `ci` is `idp_client_id`"])
  }

  @Test func `several issuers may speak for one account`() throws {
    let written = "{issuer: https://%, audience: jobs, claims: {sub: x}}"
    let both = try workloads(
      "[\(written.replacing("%", with: "a.example")), \(written.replacing("%", with: "b.example"))]")
    #expect(both.map(\.issuer) == ["https://a.example", "https://b.example"])
    for here in ["http://127.0.0.1:80", "http://localhost", "http://jobs.localhost:1", "http://[::1]:8080"] {
      #expect(try workloads("{issuer: \"\(here)\", audience: jobs, claims: {sub: x}}").count == 1)
    }
  }

  @Test(arguments: [
    ("{audience: a, claims: {sub: x}}", "`issuer` is missing"),
    ("{issuer: jobs.example, audience: a, claims: {sub: x}}", "no URL of an issuer"),
    ("{issuer: https://u:p@jobs.example, audience: a, claims: {sub: x}}", "no URL of an issuer"),
    ("{issuer: https://jobs.example?a, audience: a, claims: {sub: x}}", "no URL of an issuer"),
    ("{issuer: http://jobs.example, audience: a, claims: {sub: x}}", "must begin with https://"),
    ("{issuer: http://127.0.0.1.evil.example, audience: a, claims: {sub: x}}", "must begin with https://"),
    ("{issuer: ftp://localhost, audience: a, claims: {sub: x}}", "must begin with https://"),
    (
      "{issuer: https://a.example, jwks_uri: http://a.example/k, audience: a, claims: {sub: x}}",
      "`jwks_uri` must begin"
    ),
    ("{issuer: https://a.example, claims: {sub: x}}", "`audience` is missing"),
    ("{issuer: https://a.example, audience: [a], claims: {sub: x}}", "`audience` is missing"),
    ("{issuer: https://a.example, audience: \"a*\", claims: {sub: x}}", "compared exactly"),
    ("{issuer: https://a.example, audience: a}", "`claims` is missing"),
    ("{issuer: https://a.example, audience: a, claims: {}}", "`claims` is missing"),
    ("{issuer: https://a.example, audience: a, claims: x}", "`claims` is missing"),
    ("{issuer: https://a.example, audience: a, claims: {sub: }}", "expected a text"),
    ("{issuer: https://a.example, audience: a, claims: {sub: []}}", "asks for nothing"),
    ("{issuer: https://a.example, audience: a, claims: {sub: {}}}", "asks for nothing"),
    ("{issuer: https://a.example, audience: a, claims: {sub: \"\"}}", "no condition"),
    ("{issuer: https://a.example, audience: a, claims: {sub: \"*\"}}", "only behind"),
    ("{issuer: https://a.example, audience: a, claims: {sub: [ok, \"*/app\"]}}", "only behind"),
    ("{issuer: https://a.example, audience: a, claims: {aud: a}}", "always checked"),
    ("{issuer: https://a.example, audience: a, claims: {iss: a}}", "always checked"),
    ("{issuer: https://a.example, audience: a, claims: {a: {b: {c: {d: {e: x}}}}}}", "too deep"),
    ("{issuer: https://a.example, audience: a, claim: {sub: x}}", "unknown key `claim`"),
    ("[]", "expected an object or a list"), ("x", "expected an object or a list"), ("[x]", "expected an object"),
    (
      "{issuer: https://token.actions.githubusercontent.com, audience: a, claims: {ref: refs/heads/main}}",
      "anybody can run a job"
    ), ("{issuer: https://gitlab.com, audience: a, claims: {ref: main}}", "anybody can run a job"),
  ])
  func `too little or too much is an error with its place`(_ workload: String, _ word: String) {
    let load = read(Self.entry(workload))
    #expect(load.configuration == nil)
    #expect(load.errors.contains { $0.message.contains(word) && $0.position.line > 1 }, "\(load.errors)")
  }

  @Test func `two accounts take no token alike`() {
    let same = "{issuer: https://a.example, audience: a, claims: {sub: x}}"
    let other = "{issuer: https://a.example, audience: a, claims: {sub: y}}"
    #expect(read(Self.entry(same), Self.entry(other, name: "two")).errors.isEmpty)
    let double = read(Self.entry(same), Self.entry(same, name: "two"))
    #expect(double.errors.first?.message.contains("take the same tokens") == true)
    let elsewhere = "{issuer: https://a.example, jwks_uri: https://b.example, audience: a, claims: {sub: y}}"
    let two = read(Self.entry(same), Self.entry(elsewhere, name: "two"))
    #expect(two.errors.first?.message.contains("two different `jwks_uri`") == true)
  }

  @Test func `two accounts share no principal of an authority`() {
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEv1Ei80RVTFO94uu4zSt+PRYArWMcOFpdfM4jx3hUWa"
    func entry(_ name: String, _ principals: String) -> String {
      "- {name: \(name), expires: 2099-01-01, routes: [a.example.org], ssh_ca: {key: \(key), principals: [\(principals)]}}\n"
    }
    #expect(read(entry("one", "a, b"), entry("two", "c")).errors.isEmpty)
    let shared = read(entry("one", "a, b"), entry("two", "b, c"))
    #expect(shared.errors.first?.message.contains("share a principal") == true)
  }

  @Test func `options before a key are an error, not forgotten`() {
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEv1Ei80RVTFO94uu4zSt+PRYArWMcOFpdfM4jx3hUWa"
    func entry(_ keys: String) -> String {
      "- {name: ci, expires: 2099-01-01, routes: [a.example.org], \(keys)}\n"
    }
    #expect(read(entry("public_keys: [\(key) ci@host]")).errors.isEmpty)
    for keys in [
      #"public_keys: ['from="10.0.0.0/8" \#(key)']"#, "public_keys: ['verify-required \(key)']",
      "ssh_ca: {key: 'cert-authority \(key)', principals: [ci]}",
    ] {
      let errors = read(entry(keys)).errors
      #expect(errors.contains { $0.message.contains("options before the key") }, "\(keys): \(errors)")
    }
  }

  @Test func `the longest session has bounds`() {
    #expect(load(base).configuration?.workloadMaxSession == 3_600_000)
    #expect(load(base + "workload_max_session: 10m\n").configuration?.workloadMaxSession == 600_000)
    for wrong in ["59s", "25h", "0s", "soon"] {
      #expect(!load(base + "workload_max_session: \(wrong)\n").errors.isEmpty)
    }
  }
}
