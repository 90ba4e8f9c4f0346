import Testing

@testable import Routing

struct HostNameTests {
  @Test(arguments: [
    ("app.example.com", "app.example.com"),
    ("APP.Example.COM", "app.example.com"),
    ("app.example.com.", "app.example.com"),
    ("bücher.example", "xn--bcher-kva.example"),
    ("BÜCHER.example", "xn--bcher-kva.example"),
    ("bu\u{308}cher.example", "xn--bcher-kva.example"),
    ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
    ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
    ("παράδειγμα.δοκιμή", "xn--hxajbheg2az3al.xn--jxalpdlp"),
    ("ｆｕｌｌ.example", "full.example"),
    ("localhost", "localhost"),
    ("127.0.0.1", "127.0.0.1"),
    ("a-b.c-1", "a-b.c-1"),
  ])
  func oneNameHasOneText(_ spelling: String, _ canonical: String) {
    #expect(HostName(spelling)?.text == canonical)
  }

  @Test(arguments: [
    "", ".", "..", "a..b", ".a", "-a.b", "a-.b", "a b", "a_b.c", "a/b", "a:443", "*.example.com", "a\u{0}b", "[::1]",
    "::1", "a.\u{202E}b", "a\u{200D}b.c", "a\r\nb", "☃.example", "a@b",
  ])
  func whatIsNoNameIsRefused(_ text: String) {
    #expect(HostName(text) == nil)
  }

  @Test func lengthsAreBounded() {
    let label = String(repeating: "a", count: 63)
    #expect(HostName("\(label).example") != nil)
    #expect(HostName("\(label)a.example") == nil)
    let long = Array(repeating: label, count: 3).joined(separator: ".")
    #expect(HostName("\(long).\(String(repeating: "b", count: 61))") != nil)
    #expect(HostName("\(long).\(String(repeating: "b", count: 62))") == nil)
    #expect(HostName(String(repeating: "ü", count: 100_000)) == nil)
    #expect(HostName(String(repeating: "ü", count: 60) + ".example") == nil)
  }
}

struct HostPatternTests {
  @Test func aWildcardTakesAnythingBeforeItsSuffix() throws {
    let pattern = try #require(HostPattern("*.Example.com."))
    #expect(pattern.isWildcard)
    #expect(pattern.description == "*.example.com")
    #expect(try pattern.matches(#require(HostName("a.example.com"))))
    #expect(try pattern.matches(#require(HostName("a.b.example.com"))))
    #expect(try !pattern.matches(#require(HostName("example.com"))))
    #expect(try !pattern.matches(#require(HostName("aexample.com"))))
  }

  @Test func aStarMayBePartOfALabel() throws {
    let pattern = try #require(HostPattern("app-*.example.com"))
    #expect(try pattern.matches(#require(HostName("app-1.example.com"))))
    #expect(try !pattern.matches(#require(HostName("app-1.example.com.x"))))
    #expect(try !pattern.matches(#require(HostName("web-1.example.com"))))
  }

  @Test(arguments: ["*", "*.", "**.example.com", "a.*.example.com", "*.*.com", "*_.example.com", "", "-*.example.com"])
  func whatIsNoPatternIsRefused(_ text: String) {
    #expect(HostPattern(text) == nil)
  }

  @Test func overlapIsWhereANameCouldBelongToBoth() throws {
    let all = try #require(HostPattern("*.example.com"))
    let deep = try #require(HostPattern("*.dev.example.com"))
    let name = try #require(HostPattern("a.dev.example.com"))
    let other = try #require(HostPattern("*.example.org"))
    #expect(all.overlaps(deep) && deep.overlaps(all) && deep.overlaps(name) && name.overlaps(all))
    #expect(!all.overlaps(other) && !other.overlaps(name))
    #expect(name.overlaps(name))
  }
}

struct ForwardNameTests {
  @Test(arguments: ["", "localhost", "LOCALHOST", "*", "127.0.0.1", "::1", "0.0.0.0", "::"])
  func aForwardWithoutHostHasManySpellings(_ host: String) {
    #expect(ForwardName(host: host, port: 443).meaning == .unnamed)
    #expect(ForwardName(host: host, port: 0).meaning == .dynamic(.everything))
  }

  @Test func theBytesAreKeptAndTheMeaningIsCanonical() throws {
    let forward = ForwardName(host: "App.Example.COM.", port: 443)
    #expect(forward.requestedHost == "App.Example.COM.")
    #expect(try forward.meaning == .host(#require(HostName("app.example.com"))))
  }

  @Test(arguments: [("a b", 443), ("a", -1), ("a", 65536), ("a/b", 0), ("\u{202E}", 443)])
  func nonsenseNamesNothing(_ host: String, _ port: Int) {
    #expect(ForwardName(host: host, port: port).meaning == .invalid)
  }

  @Test(arguments: [
    ("*", "anything.example", true), ("*.dev.example", "a.dev.example", true), ("*.dev.example", "dev.example", false),
    ("a?c.example", "abc.example", true), ("a?c.example", "ac.example", false), ("A*.Example", "abc.example", true),
    ("*a*b*", "xxaxxbxx", true), ("*a*b*", "xxbxxaxx", false), ("a.example", "a.example", true),
  ])
  func globsMatchWholeNames(_ pattern: String, _ name: String, _ matches: Bool) throws {
    #expect(try #require(HostGlob(pattern)).matches(name) == matches)
  }
}
