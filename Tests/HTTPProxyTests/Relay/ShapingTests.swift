import HTTPWire
import Identity
import Patterns
import Policy
import Routing
import Testing

@testable import HTTPProxy

/// What of a request a route changes on its way to the service.
@Suite struct ShapingTests {
  private func plan(
    path: PathMatch = .any,
    targets: [RouteTarget] = [RouteTarget(scheme: .http, host: "a", port: 80, portIsExplicit: false)],
    globalGroups: [String]? = nil, http: (inout HTTPRouteSettings) throws -> Void
  ) throws -> RoutePlan {
    var settings = HTTPRouteSettings()
    try http(&settings)
    let route = try TestEdge.route(path: path, targets: targets, isTunnel: false) { $0 = settings }
    var configuration = HTTPProxyConfiguration(address: .init(port: 0), tls: nil)
    configuration.groupsFilter = globalGroups
    configuration.claimHeaders = [("X-Groups", "groups")]
    return RoutePlan(route: route, configuration: configuration, tally: RequestTally(), members: [])
  }

  private func head(_ target: String, _ fields: [(String, String)] = []) -> RequestHead {
    RequestHead(
      method: .get, target: target, headers: HeaderList(fields), authority: Authority(Array("app.example.com".utf8)))
  }

  @Test(
    "paths are rewritten by pattern",
    arguments: [
      ("^/old/(.*)$", #"/new/\1"#, "/old/x?q=/old/", "/new/x?q=/old/"), ("/a/", "/", "/x/a/y/a/z?b", "/x/y/z?b"),
      ("^/strip", "", "/strip/x", "/x"), ("^/strip/", "", "/strip/x", "/x"), ("^/gone$", "", "/gone", "/"),
      ("no", "x", "/other", "/other"),
    ])
  func rewriting(_ pattern: String, _ replacement: String, _ target: String, _ expected: String) throws {
    let plan = try plan { $0.shaping.pathRewrite = try Substitution(pattern: pattern, replacement: replacement) }
    let head = head(target)
    guard case .rewritten(let path) = plan.servicePath(of: head) else {
      Issue.record("not rewritten")
      return
    }
    let written = head.query.map { "\(path)?\($0)" } ?? path
    #expect(written == expected)
  }

  @Test("what could be read in two ways afterwards is refused", arguments: ["/.x./secret", "/%x2e%x2e/", "/a%x2fb"])
  func ambiguity(_ target: String) throws {
    let plan = try plan { $0.shaping.pathRewrite = try Substitution(pattern: "x", replacement: "") }
    guard case .refused = plan.servicePath(of: head(target)) else {
      Issue.record("passed")
      return
    }
  }

  @Test func `a prefix is replaced, with a pattern the whole path`() throws {
    let prefix = try plan(path: .prefix("/api")) { $0.prefixRewrite = "/v2" }
    #expect(prefix.rewritten("/api/x?y", to: nil) == "/v2/x?y")
    let whole = try plan(path: .pattern(try WholePattern("/a.*"), priority: nil)) { $0.prefixRewrite = "/v2" }
    #expect(whole.rewritten("/api/x?y", to: nil) == "/v2?y")
  }

  @Test func `host and path follow the target that was chosen`() throws {
    let targets = [
      RouteTarget(scheme: .http, host: "one.internal", port: 81, portIsExplicit: true, path: "/one"),
      RouteTarget(scheme: .http, host: "::1", port: 80, portIsExplicit: false, path: "/two/"),
    ]
    let plan = try plan(targets: targets) { _ in }
    #expect(plan.host(for: head("/"), to: targets[0]) == "one.internal:81")
    #expect(plan.host(for: head("/"), to: targets[1]) == "[::1]")
    #expect(plan.rewritten("/x", to: targets[0]) == "/one/x")
    #expect(plan.rewritten("/x?y", to: targets[1]) == "/two/x?y")
    #expect(plan.host(for: head("/"), to: nil) == "one.internal:81")
  }

  @Test func `the host is made from the path, where one comes of it`() throws {
    let plan = try plan {
      $0.shaping.hostFromPath = try Substitution(pattern: "^/tenant/([^/]+)/.*$", replacement: #"\1.internal"#)
    }
    #expect(plan.host(for: head("/tenant/blue/x?y"), to: nil) == "blue.internal")
    #expect(plan.host(for: head("/tenant/b@d/x"), to: nil) == "a")
    #expect(plan.host(for: head("/other"), to: nil) == "a")
  }

  // MARK: Headers

  private let session = TestIdentity.session("alice")

  private func fields(
    _ templates: [HeaderTemplate], _ head: RequestHead, certificate: ClientCertificate? = nil, knows: Bool = true
  ) throws -> [String] {
    let plan = try plan { $0.shaping.headerTemplates = templates }
    let knowledge =
      knows
      ? ServiceKnowledge(session: session, host: "app.example.com", plan: plan, identity: TestIdentity()) : nil
    var fields = HeaderList()
    TemplateFields.add(templates, for: head, knowing: knowledge, certificate: certificate, to: &fields)
    return fields.map { "\($0.name): \($0.value)" }
  }

  @Test func `placeholders become what they stand for`() throws {
    let templates = [
      HeaderTemplate(name: "Authorization", parts: [.literal("Bearer "), .accessToken]),
      HeaderTemplate(name: "X-Jwt", parts: [.assertion]),
      HeaderTemplate(name: "X-Copy", parts: [.literal("<"), .requestHeader("x-name"), .literal(">")]),
      HeaderTemplate(name: "X-Cert", parts: [.certificateFingerprint, .literal(" "), .certificateDNSName]),
    ]
    let certificate = ClientCertificate(fingerprint: [0x0A, 0xFF], keyHash: [], dnsNames: ["laptop.example"])
    let request = head("/", [("X-Name", "value")])
    #expect(
      try fields(templates, request, certificate: certificate) == [
        "Authorization: Bearer access.alice", "X-Jwt: assertion.alice.app.example.com", "X-Copy: <value>",
        "X-Cert: 0aff laptop.example",
      ])
    #expect(try fields(templates, request, knows: false) == ["X-Copy: <value>"])
  }

  @Test func `a header that has no value is left out`() throws {
    let templates = [
      HeaderTemplate(name: "X-Id", parts: [.literal("x"), .idToken]),
      HeaderTemplate(name: "X-Copy", parts: [.requestHeader("X-Missing")]),
      HeaderTemplate(name: "X-Mail", parts: [.certificateAddress]),
    ]
    let certificate = ClientCertificate(fingerprint: [], keyHash: [], emailAddresses: ["a\r\nX-Evil: 1@example.com"])
    #expect(try fields(templates, head("/"), certificate: certificate).isEmpty)
  }

  @Test func `requests to Kubernetes act for the visitor or not at all`() throws {
    let plan = try plan(globalGroups: ["dev"]) {
      $0.shaping.kubernetesToken = "k8s"
      $0.shaping.groupsFilter = ["sales"]
    }
    let known = ServiceKnowledge(session: session, host: "app.example.com", plan: plan, identity: TestIdentity())
    #expect(
      known.fields.map { "\($0.name): \($0.value)" } == [
        "Authorization: Bearer k8s", "Impersonate-User: alice@example.com", "Impersonate-Group: dev",
      ])
    let request = head("/", [("Impersonate-User", "root"), ("impersonate_extra-scopes", "all"), ("X-Other", "1")])
    let passing = request.headers.fields.filter { !plan.removes($0, of: request.headers) }
    #expect(passing.map { request.headers.name($0) } == ["X-Other"])
    #expect(plan.removedNames.contains(Array("authorization".utf8)))
    var stranger = session
    stranger.subject.emailIsTrusted = false
    stranger.subject.userID = "caf\u{E9}"
    let unknown = ServiceKnowledge(session: stranger, host: "app.example.com", plan: plan, identity: TestIdentity())
    #expect(unknown.fields.isEmpty)
  }

  @Test func `groups pass where one of the filters names them`() throws {
    let subject = session.subject
    #expect(try plan { _ in }.groups(of: subject) == ["dev", "ops"])
    #expect(try plan(globalGroups: ["dev"]) { _ in }.groups(of: subject) == ["dev"])
    #expect(try plan { $0.shaping.groupsFilter = [] }.groups(of: subject) == [])
    #expect(
      try plan(globalGroups: ["dev"]) { $0.shaping.groupsFilter = ["ops"] }.groups(of: subject) == ["dev", "ops"])
  }
}
