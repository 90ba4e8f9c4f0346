import Testing

@testable import Patterns

@Suite struct WholePatternTests {
  @Test(
    "the whole text must match",
    arguments: [
      (#"/api/v[0-9]+/.*"#, ["/api/v1/", "/api/v22/x/y"], ["/api/v1", "/api/vx/", "x/api/v1/", "/api/v1\n"]),
      (#"^/a$"#, ["/a"], ["/a/", "/", "//a"]),
      (#"a|b"#, ["a", "b"], ["ab", "", "c"]),
      (#"/(?i)admin/(x|y)?"#, ["/ADMIN/", "/admin/X", "/aDmin/y"], ["/admin", "/admin/z"]),
      (#"/(?i:a)b"#, ["/Ab", "/ab"], ["/aB"]),
      (#"[^/]+"#, ["abc", "a.b"], ["a/b", ""]),
      (#"/[a-c\d_-]{2,3}"#, ["/a-", "/_9c"], ["/a", "/aaaa", "/d1"]),
      (#"/[[:alpha:]]+[[:^digit:]]"#, ["/ab", "/a-"], ["/a", "/a1"]),
      (#"/[]a]+"#, ["/]a"], ["/b"]),
      (#"/\.well\x2d\x{6B}nown"#, ["/.well-known"], ["/xwell-known"]),
      (#"/\Qa.b*\Ec*"#, ["/a.b*", "/a.b*cc"], ["/axb*"]),
      (#"\w+\b-\B-\w"#, ["ab--c"], ["ab-c"]),
      (#"\A/a\z"#, ["/a"], ["/a/"]),
      (#"(a*)*b"#, ["b", "aab"], ["a", "ba"]),
      (#"(?:){1000}"#, [""], ["a"]),
      (#"/x{0}y{0,2}z{2,}?"#, ["/zz", "/yyzzz"], ["/xzz", "/z"]),
      (#"a{,2}"#, ["a{,2}"], ["a", "aa"]),
      (#"(?P<year>\d{4})-(?<month>\d\d)"#, ["2026-11"], ["26-11"]),
      (#"()|a"#, ["", "a"], ["aa"]),
      (#"\S\D\W"#, ["ab/"], ["a1/"]),
      (#""#, [""], ["a"]),
    ])
  func matching(_ pattern: String, _ matching: [String], _ others: [String]) throws {
    let compiled = try WholePattern(pattern)
    for text in matching { #expect(compiled.matches(text), "\(pattern) \(text)") }
    for text in others { #expect(!compiled.matches(text), "\(pattern) \(text)") }
  }

  @Test(
    "what cannot be is refused where it stands",
    arguments: [
      (#"/a(b"#, 2, "`(` without `)`"), (#"/ab)"#, 3, "`)` without `(`"), (#"/[a-"#, 1, "`[` without `]`"),
      (#"*a"#, 0, "nothing stands before it"), (#"a**"#, 2, "a repetition of a repetition"),
      (#"a{2}{3}"#, 4, "a repetition of a repetition"), (#"a++"#, 2, "gives nothing back"),
      (#"(a)\1"#, 3, "a reference back"), (#"a(?=b)"#, 1, "looking ahead"), (#"a(?!b)"#, 1, "looking ahead"),
      (#"(?<=a)b"#, 0, "looking back"), (#"(?<!a)b"#, 0, "looking back"), (#"(?>a)"#, 0, "an atomic group"),
      (#"\pL"#, 0, "paths are ASCII"), (#"\y"#, 0, #"unknown escape `\y`"#), (#"a\Z"#, 1, #"unknown escape `\Z`"#),
      (#"a\"#, 1, "a single backslash"), (#"/a b"#, 2, "no path has this character"),
      (#"/é"#, 1, "no path has this character"), (#"[z-a]"#, 1, "backwards"), (#"[\d-z]"#, 1, "a range cannot begin"),
      (#"[[:foo:]]"#, 1, "unknown class"), (#"a{3,2}"#, 1, "from 3 to 2"), (#"a{1001}"#, 1, "at most 1000"),
      (#"(?m)^a"#, 2, "one line"), (#"(?x)a"#, 0, "unknown kind of group"), (#"(?P<a>x)(?P<a>y)"#, 8, "a second group"),
      (#"\x4"#, 0, "two hexadecimal digits"), (#"\x{ff}"#, 0, "no path has"), (#"(?P=a)"#, 0, "a reference back"),
    ])
  func errors(_ pattern: String, _ offset: Int, _ message: String) {
    let error = #expect(throws: PatternError.self) { try WholePattern(pattern) }
    #expect(error?.offset == offset, "\(pattern): \(String(describing: error))")
    #expect(error?.message.contains(message) == true, "\(pattern): \(String(describing: error))")
  }

  @Test(arguments: ["(?:(?:(?:a{1000}){1000}){1000})", "(?:(?:(?:){1000}){1000}){1000}", "((a{40}){40}){2}"])
  func `a pattern that would grow without bounds is refused`(_ pattern: String) {
    #expect(throws: PatternError.self) { try WholePattern(pattern) }
  }

  @Test func `a pattern whose ways cannot be tabled is refused`() {
    // One of its last 20 bytes: two to the power of 20 states.
    let error = #expect(throws: PatternError.self) { try WholePattern("[ab]*a[ab]{20}") }
    #expect(error?.message.contains("too many ways") == true)
  }

  @Test func `nesting is bounded`() {
    let deep = String(repeating: "(", count: 5000)
    #expect(throws: PatternError.self) { try WholePattern(deep) }
    #expect(throws: PatternError.self) {
      try WholePattern(String(repeating: "(", count: 200) + String(repeating: ")", count: 200))
    }
    #expect(throws: Never.self) {
      try WholePattern(String(repeating: "(", count: 99) + String(repeating: ")", count: 99))
    }
  }

  @Test(arguments: [#"(a+)+b"#, #"(a|aa)+b"#, #"(.*)(.*)(.*)(.*)(.*)b"#, #"(?:a?){50}a{50}b"#])
  func `what sends others backwards for ever takes a look at each byte`(_ pattern: String) throws {
    let compiled = try WholePattern(pattern)
    let text = String(repeating: "a", count: 100_000)
    let begin = ContinuousClock.now
    #expect(!compiled.matches(text))
    #expect(ContinuousClock.now - begin < .seconds(2))
  }
}
