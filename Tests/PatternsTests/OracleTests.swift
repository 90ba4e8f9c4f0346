import Testing

@testable import Patterns

/// Small patterns of every shape, held against Swift's own engine: whether all of a text matches, and what the first match is.
@Suite struct OracleTests {
  private struct Dice {
    var state: UInt64
    mutating func roll(_ sides: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % sides
    }
  }

  private static func pattern(_ dice: inout Dice, depth: Int = 3) -> String {
    switch dice.roll(depth > 0 ? 10 : 4) {
    case 0: "a"
    case 1: "b"
    case 2: ["[ab]", "[^a]", ".", "\\w", "\\d"][dice.roll(5)]
    case 3: ["^", "$", "\\b", "\\B", "c"][dice.roll(5)]
    case 4, 5: pattern(&dice, depth: depth - 1) + pattern(&dice, depth: depth - 1)
    case 6: "(\(pattern(&dice, depth: depth - 1))|\(pattern(&dice, depth: depth - 1)))"
    case 7: "(?:\(pattern(&dice, depth: depth - 1)))" + ["*", "+", "?", "*?", "+?", "??"][dice.roll(6)]
    case 8: "(\(pattern(&dice, depth: depth - 1)))"
    default: "(?:\(pattern(&dice, depth: depth - 1)))" + ["{2}", "{0,2}", "{1,}", "{1,2}?"][dice.roll(4)]
    }
  }

  private static let texts: [String] = {
    var texts = [""]
    for length in 1...4 {
      var all = [""]
      for _ in 0..<length { all = all.flatMap { text in ["a", "b", "-"].map { text + $0 } } }
      texts += all
    }
    return texts
  }()

  @Test(arguments: 1...8)
  func `agrees with another engine`(_ seed: UInt64) throws {
    var dice = Dice(state: seed)
    var compared = 0
    for _ in 0..<40 {
      let pattern = Self.pattern(&dice)
      let other = try Regex(pattern).asciiOnlyWordCharacters().asciiOnlyDigits().wordBoundaryKind(.simple)
      let whole = try WholePattern(pattern)
      let program = try Program(PatternParser.parse(pattern))
      for text in Self.texts {
        #expect(whole.matches(text) == (text.wholeMatch(of: other) != nil), "\(pattern) on \(text)")
        var search = PatternSearch(program, in: Array(text.utf8))
        let found = try search.first(from: 0)
        let expected = text.firstMatch(of: other)
        #expect((found == nil) == (expected == nil), "\(pattern) on \(text)")
        if let found, let expected {
          let range = expected.range
          let start = text.utf8.distance(from: text.startIndex, to: range.lowerBound)
          let end = text.utf8.distance(from: text.startIndex, to: range.upperBound)
          #expect(found[0] == start && found[1] == end, "\(pattern) on \(text): \(found), not \(start)..<\(end)")
        }
        compared += 1
      }
    }
    #expect(compared == 40 * Self.texts.count)
  }
}
