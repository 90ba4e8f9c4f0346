import EdgeCrypto
import Policy
import Routing
import SSHProtocol
import Testing

@testable import SSHServer

/// Which names the banner and the commands tell.
struct PublishableRouteTests {
  private static let now = UnixTime(seconds: 1_800_000_000)

  private func publisher(_ claims: [String: ClaimValue] = [:], account: Set<String>? = nil) throws -> Publisher {
    var subject = testSubject("ann")
    subject.claims = claims
    if let account {
      subject.serviceAccount = "ci"
      subject.publishableHosts = account
    }
    return Publisher(
      subject: subject, username: "ann", key: SSHPublicKey(try PrivateKey.generate(.ed25519).publicKey),
      sourceAddress: "192.0.2.1")
  }

  /// Who may publish: one of these criteria.
  private func policy(_ criteria: [(String, String)], deny: String? = nil) throws -> AccessPolicy {
    func rule(_ action: String, _ criteria: [(String, String)]) -> PolicyNode {
      let list = criteria.map { PolicyNode(.object([.init($0.0, PolicyNode(.string($0.1)))])) }
      return PolicyNode(.object([.init(action, PolicyNode(.object([.init("or", PolicyNode(.list(list)))])))]))
    }
    let rules = [rule("allow", criteria)] + (deny.map { [rule("deny", [("ssh_forward_host", $0)])] } ?? [])
    return try AccessPolicy(parsing: PolicyNode(.list(rules)))
  }

  private let namespace = "*.{claim.preferred_username}.dev.example.com"

  @Test func `under a wildcard the names that are left to the person are told`() throws {
    let ann = try publisher(["preferred_username": .string("ann")])
    let route = testRoute("*.dev.example.com", publishers: try policy([("ssh_forward_host", namespace)]))
    #expect(ann.hosts(on: route, now: Self.now) == ["*.ann.dev.example.com"])
    let offers = ann.publishable(in: RouteTable(routes: [route], generation: 1), now: Self.now)
    #expect(offers.map(\.names) == [["*.ann.dev.example.com"]])
    #expect(
      WelcomeBanner.lines(ann, routes: offers, extra: []).last == "You may publish *.ann.dev.example.com.")
    #expect(offers.first?.forward("*.ann.dev.example.com") == "*.ann.dev.example.com:443")
    #expect(offers.first?.url(of: "*.ann.dev.example.com") == "https://*.ann.dev.example.com")
  }

  @Test func `what no name can come of is not told`() throws {
    let route = testRoute("*.dev.example.com", publishers: try policy([("ssh_forward_host", namespace)]))
    let table = RouteTable(routes: [route], generation: 1)
    for claims: [String: ClaimValue] in [
      [:], ["preferred_username": .string("Ann")], ["preferred_username": .string("a.b")],
      ["preferred_username": .string("")], ["preferred_username": .number(7)],
    ] {
      #expect(try publisher(claims).publishable(in: table, now: Self.now).isEmpty, "\(claims)")
    }
    let elsewhere = testRoute("*.dev.example.com", publishers: try policy([("ssh_forward_host", "*.other.example")]))
    #expect(try publisher().hosts(on: elsewhere, now: Self.now).isEmpty)
    let denied = testRoute(
      "*.dev.example.com",
      publishers: try policy([("ssh_forward_host", "*.ann.dev.example.com")], deny: "*.dev.example.com"))
    #expect(try publisher().hosts(on: denied, now: Self.now).isEmpty)
  }

  @Test func `several claims and patterns give several names`() throws {
    let ann = try publisher(["teams": .list([.string("shop"), .string("Blog"), .string("api"), .number(1)])])
    let route = testRoute(
      "*.dev.example.com",
      publishers: try policy([
        ("ssh_forward_host", "{claim.teams}.dev.example.com"),
        ("ssh_forward_host", "pr-*.{email.local_part}.dev.example.com"),
      ]))
    #expect(
      ann.hosts(on: route, now: Self.now) == [
        "shop.dev.example.com", "api.dev.example.com", "pr-*.ann.dev.example.com",
      ])
  }

  @Test func `who may have any name is told the wildcard`() throws {
    let route = testRoute(
      "*.dev.example.com", publishers: try policy([("ssh_forward_host", namespace), ("email", "ann@example.com")]))
    #expect(try publisher().hosts(on: route, now: Self.now) == ["*.dev.example.com"])
    #expect(try publisher().hosts(on: testRoute("*.dev.example.com"), now: Self.now) == ["*.dev.example.com"])
    #expect(try publisher().hosts(on: testRoute("one.example.com"), now: Self.now) == ["one.example.com"])
  }

  @Test func `a service account is told its names`() throws {
    let robot = try publisher(account: ["b.dev.example.com", "a.dev.example.com", "elsewhere.example.org"])
    let route = testRoute("*.dev.example.com", publishers: try policy([("service_account", "ci")]))
    #expect(robot.hosts(on: route, now: Self.now) == ["a.dev.example.com", "b.dev.example.com"])
  }
}
