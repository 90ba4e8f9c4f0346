import Patterns
import Policy
import Testing

@testable import Routing

struct RouteTableTests {
  private func match(_ table: RouteTable, _ name: String, port: Int? = nil, path: String = "/") -> String {
    switch table.route(host: host(name), port: port, path: path) {
    case .route(let route): route.id.rawValue
    case .noSuchHost: "no host"
    case .noSuchPath: "no path"
    }
  }

  @Test func exactBeatsTheLongestWildcardWhichBeatsTheOthers() {
    let table = RouteTable(
      routes: [
        route("*.example.com", id: "short"), route("*.dev.example.com", id: "long"),
        route("a.dev.example.com", id: "exact"),
      ], generation: 1)
    #expect(match(table, "a.dev.example.com") == "exact")
    #expect(match(table, "b.dev.example.com") == "long")
    #expect(match(table, "b.example.com") == "short")
    #expect(match(table, "example.com") == "no host")
  }

  @Test func withinAHostTheConfigurationsOrderDecides() {
    let table = RouteTable(
      routes: [
        route("a.example", id: "api", path: .prefix("/api")), route("a.example", id: "exact", path: .exact("/api/x")),
        route("a.example", id: "rest", path: .prefix("/")), route("b.example", id: "only", path: .exact("/one")),
      ], generation: 1)
    #expect(match(table, "a.example", path: "/api/x") == "api")
    #expect(match(table, "a.example", path: "/other") == "rest")
    #expect(match(table, "b.example", path: "/one") == "only")
    #expect(match(table, "b.example", path: "/one/") == "no path")
  }

  @Test func patternsTakeTheirTurnsByPriority() throws {
    func pattern(_ text: String, _ priority: Int?) throws -> PathMatch {
      .pattern(try WholePattern(text), priority: priority)
    }
    let table = RouteTable(
      routes: [
        route("a.example", id: "none", path: try pattern("/x.*", nil)),
        route("a.example", id: "prefix", path: .prefix("/x/own")),
        route("a.example", id: "low", path: try pattern("/x/l.*", 1)),
        route("a.example", id: "high", path: try pattern("/x/[a-z]+", 7)),
        route("a.example", id: "rest"),
      ], generation: 1)
    // The places of patterns stay theirs: high, then the prefix, then low, then the one without a priority.
    #expect(match(table, "a.example", path: "/x/long") == "high")
    #expect(match(table, "a.example", path: "/x/own/l") == "prefix")
    #expect(match(table, "a.example", path: "/x/l/1") == "low")
    #expect(match(table, "a.example", path: "/x/9") == "none")
    #expect(match(table, "a.example", path: "/y") == "rest")
    #expect(match(table, "a.example", path: "/a/x/long") == "rest")
  }

  @Test func anExactHostWithoutTheMatchingPathDoesNotFallBackToAWildcard() {
    let table = RouteTable(
      routes: [route("*.example", id: "wild"), route("a.example", id: "exact", path: .exact("/x"))], generation: 1)
    #expect(match(table, "a.example", path: "/y") == "no path")
  }

  @Test func portsOfFromAreCompared() {
    let table = RouteTable(
      routes: [route("a.example", id: "any"), route("b.example", id: "p", port: 8443), route("c.example", port: 443)],
      generation: 1)
    #expect(match(table, "a.example", port: 9999) == "any")
    #expect(match(table, "b.example", port: 8443) == "p")
    #expect(match(table, "b.example") == "no host")
    #expect(match(table, "c.example") != "no host")
  }

  @Test func pathsAreComparedByBytes() {
    #expect(!PathMatch.exact("/caf\u{E9}").matches("/cafe\u{301}"))
    #expect(!PathMatch.prefix("/e").matches("/e\u{301}") == false)
  }

  @Test func reservedNamesBelongToNoRoute() {
    let table = RouteTable(
      routes: [route("*.example.com", id: "wild"), route("auth.example.com", id: "exact")], generation: 1,
      reservedHosts: [host("auth.example.com")])
    #expect(match(table, "auth.example.com") == "no host")
    #expect(!table.servesHost(host("auth.example.com")))
    #expect(table.servesHost(host("x.example.com")))
    #expect(table.tunnelRoutes(forward: ForwardName(host: "auth.example.com", port: 443)).isEmpty)
    #expect(!table.tunnelRoutes(forward: ForwardName(host: "", port: 443)).contains { $0.id.rawValue == "exact" })
  }

  @Test func anotherSnapshotHasTheNextGeneration() {
    let routes = CurrentRoutes(RouteTable(routes: [], generation: 7, reservedHosts: [host("auth.example")]))
    let old = routes.current()
    routes.replace([route("a.example")])
    #expect(routes.current().generation == 8)
    #expect(routes.current().reservedHosts == [host("auth.example")])
    #expect(routes.current().servesHost(host("a.example")))
    #expect(!old.servesHost(host("a.example")))
  }
}

struct ForwardResolutionTests {
  private func names(_ table: RouteTable, _ name: String, _ port: Int) -> [String] {
    table.tunnelRoutes(forward: ForwardName(host: name, port: port)).map(\.id.rawValue)
  }

  @Test func port443AndThePortOfFromNameTheRoute() {
    let table = RouteTable(routes: [route("a.example", id: "a", port: 8443)], generation: 1)
    #expect(names(table, "a.example", 443) == ["a"])
    #expect(names(table, "A.Example.", 443) == ["a"])
    #expect(names(table, "a.example", 8443) == ["a"])
    #expect(names(table, "a.example", 80).isEmpty)
    #expect(names(table, "a.example", 22).isEmpty)
  }

  @Test func allPathsOfAHostAreNamedTogether() {
    let table = RouteTable(
      routes: [
        route("a.example", id: "api", path: .prefix("/api")), route("a.example", id: "dialled", tunnel: false),
        route("a.example", id: "web"),
      ], generation: 1)
    #expect(names(table, "a.example", 443) == ["api", "web"])
  }

  @Test func aForwardNeedsTheSameWinnerAsARequest() {
    let table = RouteTable(
      routes: [
        route("*.example", id: "wild"), route("*.dev.example", id: "dialled", tunnel: false),
        route("a.example", id: "exact", tunnel: false),
      ], generation: 1)
    #expect(names(table, "b.example", 443) == ["wild"])
    #expect(names(table, "a.example", 443).isEmpty)
    #expect(names(table, "x.dev.example", 443).isEmpty)
  }

  @Test func aLiteralWildcardNamesOnlyThatRoute() {
    let table = RouteTable(routes: [route("*.example", id: "wild"), route("a.example", id: "exact")], generation: 1)
    #expect(names(table, "*.example", 443) == ["wild"])
    #expect(names(table, "*.other", 443).isEmpty)
  }

  @Test func withoutAHostNeitherWildcardNorPublicRoutesAreCandidates() {
    let table = RouteTable(
      routes: [
        route("*.example", id: "wild"), route("p.example", id: "public", isPublic: true), route("a.example", id: "a"),
        route("b.example", id: "b", tunnel: false),
      ], generation: 1)
    #expect(names(table, "localhost", 443) == ["a"])
    #expect(names(table, "", 443) == ["a"])
    #expect(names(table, "*", 443) == ["a"])
    #expect(names(table, "localhost", 8080).isEmpty)
  }

  @Test func sshAndTCPRoutesAreNamedByTheirPort() {
    let table = RouteTable(
      routes: [route("h.example", id: "ssh", scheme: .ssh), route("h.example", id: "tcp", scheme: .tcp, port: 5432)],
      generation: 1)
    #expect(names(table, "h.example", 22) == ["ssh"])
    #expect(names(table, "h.example", 5432) == ["tcp"])
    #expect(names(table, "h.example", 443).isEmpty)
  }

  @Test func sshAndTCPRoutesHaveOneWinnerToo() {
    let table = RouteTable(
      routes: [
        route("*.example", id: "wild", scheme: .ssh), route("a.example", id: "dialled", scheme: .ssh, tunnel: false),
        route("*.dev.example", id: "long", scheme: .ssh), route("*.example", id: "tcp", scheme: .tcp, port: 5432),
        route("b.example", id: "other-port", scheme: .tcp, port: 6379),
      ], generation: 1, reservedHosts: [host("auth.example")])
    #expect(names(table, "a.example", 22).isEmpty)
    #expect(names(table, "b.example", 22) == ["wild"])
    #expect(names(table, "x.dev.example", 22) == ["long"])
    #expect(names(table, "*.example", 22) == ["wild"])
    #expect(names(table, "b.example", 5432) == ["tcp"])
    #expect(names(table, "b.example", 6379) == ["other-port"])
    #expect(names(table, "auth.example", 22).isEmpty && names(table, "auth.example", 5432).isEmpty)
  }

  @Test func oneNumberMayNameRoutesOfSeveralKinds() {
    let table = RouteTable(
      routes: [
        route("a.example", id: "web"), route("a.example", id: "tcp", scheme: .tcp, port: 443),
        route("a.example", id: "ssh", scheme: .ssh),
      ], generation: 1)
    #expect(names(table, "a.example", 443) == ["web", "tcp"])
    #expect(names(table, "A.EXAMPLE.", 22) == ["ssh"])
    #expect(names(table, "a.example", 0) == ["web", "tcp", "ssh"])
  }

  @Test func portZeroTakesWhatTheGlobMatches() {
    let table = RouteTable(
      routes: [
        route("a.dev.example", id: "a"), route("b.example", id: "b"), route("c.dev.example", tunnel: false),
        route("d.dev.example", id: "d", scheme: .ssh),
      ],
      generation: 1)
    #expect(names(table, "", 0) == ["a", "b", "d"])
    #expect(names(table, "*.dev.example", 0) == ["a", "d"])
    #expect(names(table, "B.example.", 0) == ["b"])
    #expect(names(table, "e.example", 0).isEmpty)
  }

  @Test func portZeroWithANameUnderAWildcardTakesItsRoute() {
    let table = RouteTable(
      routes: [route("*.dev.example", id: "wild"), route("a.dev.example", id: "dialled", tunnel: false)],
      generation: 1)
    #expect(names(table, "x.dev.example", 0) == ["wild"])
    #expect(names(table, "a.dev.example", 0).isEmpty)
    #expect(names(table, "*.dev.example", 0) == ["wild"])
  }

  @Test func addressesSayTheirKind() {
    #expect(route("a.example", port: 443).origin.url == "https://a.example")
    #expect(route("a.example", port: 8443).origin.url == "https://a.example:8443")
    #expect(route("h", scheme: .ssh).origin.url == "ssh://h")
    #expect(route("db.example", scheme: .tcp, port: 5432).origin.url == "tcp+https://db.example:5432")
  }
}
