import Testing

@testable import Routing

/// What clients send for what their users type (ssh.md section 3.3).
struct ForwardSpellingTests {
  @Test(arguments: ["", "localhost", "LocalHost", "localhost.", "127.0.0.1", "::1", "0.0.0.0", "::", "*"])
  func noHostIsSpelledInManyWays(_ host: String) {
    #expect(ForwardName(host: host, port: 443).meaning == .unnamed)
    #expect(ForwardName(host: host, port: 0).meaning == .dynamic(.everything))
    // What later opens repeat is what came.
    #expect(ForwardName(host: host, port: 443).requestedHost == host)
  }

  @Test(arguments: [
    "bücher.example", "BÜCHER.Example.", "xn--bcher-kva.example", "XN--BCHER-KVA.EXAMPLE", "bu\u{308}cher.example",
  ])
  func spellingsOfOneNameAreOneName(_ spelling: String) {
    #expect(ForwardName(host: spelling, port: 443).meaning == .host(host("xn--bcher-kva.example")))
    #expect(ForwardName(host: spelling, port: 443).host == host("xn--bcher-kva.example"))
    #expect(ForwardName(host: spelling, port: 0).host == host("xn--bcher-kva.example"))
  }

  @Test(arguments: [
    "a..example", ".", "-a.example", "a_b.example", "a b.example", "a.example\u{0}", "a\u{FFFD}.example", "*", "**.x",
    "[::1]", "/tmp/socket", String(repeating: "a", count: 64) + ".example", String(repeating: "a.", count: 200) + "b",
  ])
  func whatCanBeNoNameIsNone(_ text: String) {
    let meaning = ForwardName(host: text, port: 443).meaning
    #expect(meaning == .invalid || text == "*")
  }

  @Test(arguments: [-1, 65_536, 1 << 31]) func portsAreSixteenBits(_ port: Int) {
    #expect(ForwardName(host: "a.example", port: port).meaning == .invalid)
  }

  @Test func aLiteralWildcardIsOne() {
    #expect(ForwardName(host: "*.Dev.Example.", port: 443).meaning == .wildcard(pattern("*.dev.example")))
    #expect(ForwardName(host: "*.dev.example", port: 443).host == nil)
  }

  @Test(arguments: [
    ("*.dev.example", "a.dev.example", true), ("*.DEV.example.", "a.b.dev.example", true),
    ("?.example", "a.example", true), ("?.example", "ab.example", false), ("a*c.example", "abbc.example", true),
    ("*", "anything.example", true), ("**", "anything.example", true), ("*.dev.example", "dev.example", false),
    ("*.bücher.example", "x.xn--bcher-kva.example", true), ("a.example", "a.example", true),
    ("a.example", "b.example", false),
  ])
  func globsMatchWholeNames(_ glob: String, _ name: String, _ matches: Bool) throws {
    guard case .dynamic(let parsed) = ForwardName(host: glob, port: 0).meaning else {
      Issue.record("no glob: \(glob)")
      return
    }
    #expect(parsed.matches(name) == matches)
  }

  @Test(arguments: ["a b*.example", "*.ex ample", "*/x", "*.é_.example", "*..example"])
  func whatCanBeNoGlobIsNone(_ text: String) {
    #expect(ForwardName(host: text, port: 0).meaning == .invalid)
  }

  /// Linear in name times stars: nothing to wait for.
  @Test func starsDoNotMultiply() throws {
    let glob = try #require(HostGlob(String(repeating: "*a", count: 30) + "*b.example"))
    #expect(!glob.matches(String(repeating: "a", count: 240) + ".example"))
  }
}
