import Testing

@testable import Patterns

@Suite struct SubstitutionTests {
  @Test(
    "what matches is replaced",
    arguments: [
      (#"^/service/([^/]+)(/.*)$"#, #"\2/instance/\1"#, "/service/foo/v1/api", "/v1/api/instance/foo"),
      ("one", "two", "/xxx/one/yyy/one/zzz", "/xxx/two/yyy/two/zzz"),
      (#"^(.*?)one(.*)$"#, #"\1two\2"#, "/xxx/one/yyy/one/zzz", "/xxx/two/yyy/one/zzz"),
      ("(?i)/xxx/", "/yyy/", "/aaa/XxX/bbb", "/aaa/yyy/bbb"),
      ("nowhere", "x", "/a", "/a"), ("/", "", "/a/b", "ab"), (#"a|(b)"#, #"<\1>"#, "ab", "<><b>"),
      (#"\d*"#, "-", "a12b", "-a-b-"), ("", "-", "ab", "-a-b-"), (#"(a)(b)?"#, #"\0\\\2"#, "ab", #"ab\b"#),
      (#"^/t/([^/]+)"#, #"/\1"#, "/t/x/t/y", "/x/t/y"), (#"b*$"#, "!", "abb", "a!"),
    ])
  func replacing(_ pattern: String, _ replacement: String, _ text: String, _ result: String) throws {
    #expect(try Substitution(pattern: pattern, replacement: replacement).applied(to: text) == result)
  }

  @Test(
    "errors name the text they are in",
    arguments: [
      ("(a", "x", true, 0), ("a", #"\1"#, false, 0), ("(a)", #"x\2"#, false, 1), ("a", #"x\"#, false, 1),
      ("a", #"\n"#, false, 0), ("a", "x y", false, 1),
    ])
  func errors(_ pattern: String, _ replacement: String, _ isInPattern: Bool, _ offset: Int) {
    let failure = #expect(throws: Substitution.Failure.self) {
      try Substitution(pattern: pattern, replacement: replacement)
    }
    switch failure {
    case .pattern(let error): #expect(isInPattern && error.offset == offset)
    case .replacement(let error): #expect(!isInPattern && error.offset == offset)
    case nil: break
    }
  }

  @Test func `a text that takes too much work is given up`() throws {
    // Each search looks at all that is left before it takes one byte.
    let substitution = try Substitution(pattern: "(?:[ab]*c)|a", replacement: "x")
    #expect(substitution.applied(to: "aaa") == "xxx")
    let begin = ContinuousClock.now
    #expect(substitution.applied(to: String(repeating: "a", count: 8000)) == nil)
    #expect(ContinuousClock.now - begin < .seconds(20))
  }
}
