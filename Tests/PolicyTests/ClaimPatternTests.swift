import Policy
import Testing

@Suite struct ClaimPatternTests {
  private func matches(_ pattern: String, _ value: String) throws -> Bool { try ClaimPattern(pattern).matches(value) }

  @Test func withoutAWildcardTextsAreEqualByteForByte() throws {
    #expect(try matches("org/app", "org/app"))
    for other in ["org/App", "org/app ", "org/ap", "org/app/x", "", "ORG/APP"] {
      #expect(try !matches("org/app", other))
    }
    // The same letter to a reader, other bytes.
    #expect(try !matches("caf\u{e9}", "cafe\u{301}"))
    #expect(try !matches("K", "\u{212A}"))
  }

  @Test(arguments: [
    ("org/*", "org/app", true), ("org/*", "org/", false), ("org/*", "org/a/b", false), ("org/*", "orgx/a", false),
    ("org/*", "org", false), ("org/*-api", "org/shop-api", true), ("org/*-api", "org/-api", false),
    ("org/*-api", "org/a-api-api", true), ("org/*-api", "org/a-api-", false),
    ("refs/heads/release-*", "refs/heads/release-1.2", true), ("refs/heads/release-*", "refs/heads/release-", false),
    ("refs/heads/*", "refs/heads/feature/x", false), ("refs/heads/*/x", "refs/heads/feature/x", true),
    ("repo:org/*:ref:refs/heads/main", "repo:org/app:ref:refs/heads/main", true),
    ("repo:org/*:ref:refs/heads/main", "repo:org/app:environment:x:ref:refs/heads/main", false),
    ("repo:org/*", "repo:org/app:ref:refs/heads/main", false), ("a/*b*c", "a/xbyc", true), ("a/*b*c", "a/xbc", false),
    ("a/*b*c", "a/xbbc", true), ("a/*aab", "a/aaaab", true), ("a/x*", "a/x\u{e4}", true), ("a/*", "a/*", true),
  ])
  func aWildcardStaysWithinItsPart(_ pattern: String, _ value: String, _ expected: Bool) throws {
    #expect(try matches(pattern, value) == expected)
  }

  /// Against the slow and obvious way, over all short texts of a small alphabet.
  @Test func itAgreesWithTheDefinition() throws {
    let letters = ["a", "b", "/", "*"]
    func texts(_ length: Int, _ letters: [String]) -> [String] {
      length == 0 ? [""] : texts(length - 1, letters).flatMap { text in letters.map { text + $0 } }
    }
    func holds(_ pattern: Substring, _ value: Substring) -> Bool {
      guard let first = pattern.first else { return value.isEmpty }
      if first != "*" { return value.first == first && holds(pattern.dropFirst(), value.dropFirst()) }
      var taken = 0
      for character in value {
        if character == "/" { return false }
        taken += 1
        if holds(pattern.dropFirst(), value.dropFirst(taken)) { return true }
      }
      return false
    }
    var compared = 0
    for length in 1...4 {
      for rest in texts(length, letters) {
        guard let pattern = try? ClaimPattern("/" + rest) else { continue }
        for size in 0...4 {
          for value in texts(size, ["a", "b", "/"]) {
            let value = "/" + value
            compared += 1
            if pattern.matches(value) != holds(pattern.description[...], value[...]) {
              Issue.record("\(pattern) and \(value)")
            }
          }
        }
      }
    }
    #expect(compared > 20_000)
  }

  @Test(arguments: ["", "*", "*/app", "org*", "org*/app", "a/**", "/" + String(repeating: "*a", count: 9)])
  func patternsThatSayTooLittleAreNone(_ text: String) {
    #expect(throws: ClaimPattern.Fault.self) { try ClaimPattern(text) }
  }

  @Test func longTextsAreNoPatternsAndMatchNoWildcard() throws {
    #expect(throws: ClaimPattern.Fault.self) { try ClaimPattern(String(repeating: "a", count: 513)) }
    #expect(try !matches("a/*", "a/" + String(repeating: "b", count: 5000)))
    #expect(try matches("a/*", "a/" + String(repeating: "b", count: 4000)))
  }

  @Test func whatClaimsMayBe() throws {
    let condition = ClaimCondition(path: ["c"], patterns: [try ClaimPattern("true"), try ClaimPattern("7")])
    for (value, expected): (ClaimValue?, Bool) in [
      (.string("true"), true), (.bool(true), true), (.bool(false), false), (.number(7), true), (.number(7.5), false),
      (.number(.infinity), false), (.string("7"), true), (.list([.string("x"), .string("7")]), true),
      (.list([]), false),
      (.list([.list([.string("7")])]), false), (.null, false), (nil, false), (.object(["c": .string("7")]), false),
    ] {
      #expect(condition.holds(for: value.map { ["c": $0] } ?? [:]) == expected, "\(String(describing: value))")
    }
  }

  @Test func aPathLeadsIntoObjects() throws {
    let condition = ClaimCondition(path: ["kubernetes.io", "namespace"], patterns: [try ClaimPattern("ci")])
    #expect(condition.holds(for: ["kubernetes.io": .object(["namespace": .string("ci")])]))
    #expect(!condition.holds(for: ["kubernetes.io": .object(["namespace": .string("other")])]))
    #expect(!condition.holds(for: ["kubernetes.io": .string("ci")]))
    #expect(!condition.holds(for: ["kubernetes.io.namespace": .string("ci")]))
    #expect(!ClaimCondition(path: [], patterns: []).holds(for: [:]))
  }
}
