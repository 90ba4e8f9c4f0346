/// Replaces what matches a regular expression, in the syntax of RE2: `\1` to `\9` stand for its groups, `\0` for all that
/// matched, `\\` for a backslash.
package struct Substitution: Sendable {
  /// As they were written.
  package let pattern: String
  package let replacement: String
  /// Instructions looked at for one text: some hundredths of a second.
  package static let mostWork = 1_000_000
  private let program: Program
  private let parts: [Part]

  private enum Part: Sendable {
    case literal([UInt8])
    case group(Int)
  }

  /// Which of the two texts an error is in.
  package enum Failure: Error, Equatable {
    case pattern(PatternError)
    case replacement(PatternError)
  }

  package init(pattern: String, replacement: String) throws(Failure) {
    self.pattern = pattern
    self.replacement = replacement
    let syntax: PatternSyntax
    do throws(PatternError) {
      syntax = try PatternParser.parse(pattern)
      program = try Program(syntax)
    } catch {
      throw .pattern(error)
    }
    do throws(PatternError) {
      parts = try Self.parts(of: replacement, groupCount: syntax.groupCount)
    } catch {
      throw .replacement(error)
    }
  }

  private static func parts(of text: String, groupCount: Int) throws(PatternError) -> [Part] {
    var parts: [Part] = []
    var literal: [UInt8] = []
    let bytes = Array(text.utf8)
    var index = 0
    while index < bytes.count {
      let byte = bytes[index]
      index += 1
      guard byte == UInt8(ascii: "\\") else {
        guard byte > 0x20, byte < 0x7F else {
          throw PatternError("only visible ASCII can be put in", at: index - 1, "percent-encode the rest")
        }
        literal.append(byte)
        continue
      }
      guard index < bytes.count else { throw PatternError("a single backslash at the end", at: index - 1) }
      let next = bytes[index]
      index += 1
      if next == UInt8(ascii: "\\") {
        literal.append(next)
        continue
      }
      guard (0x30...0x39).contains(next) else {
        throw PatternError(
          "a backslash stands before the number of a group, or another backslash", at: index - 2, #"as \1"#)
      }
      let group = Int(next) - 0x30
      guard group <= groupCount else {
        let groups = groupCount == 1 ? "one group" : "\(groupCount) groups"
        throw PatternError(#"`\\#(group)`: the pattern has \#(groups)"#, at: index - 2)
      }
      if !literal.isEmpty { parts.append(.literal(literal)) }
      literal = []
      parts.append(.group(group))
    }
    if !literal.isEmpty { parts.append(.literal(literal)) }
    return parts
  }

  /// The text with everything that matches replaced, from left to right; `nil` where that takes more work than any honest
  /// text does. Work grows with the text and the pattern, and has a limit of its own.
  package func applied(to text: String) -> String? {
    let bytes = Array(text.utf8)
    var search = PatternSearch(program, in: bytes)
    var result: [UInt8] = []
    var position = 0
    var lastEnd = -1
    while position <= bytes.count {
      let found: [Int]?
      do throws(PatternSearch.Exhausted) {
        found = try search.first(from: position)
      } catch {
        return nil
      }
      guard let found, found.count >= 2 else { break }
      let (start, end) = (found[0], found[1])
      guard start >= position, start <= end, end <= bytes.count else { break }
      result += bytes[position..<start]
      if start == end, start == lastEnd {
        // Nothing, right behind a match: one byte on.
        guard start < bytes.count else { break }
        result.append(bytes[start])
        position = start + 1
        continue
      }
      append(found, of: bytes, to: &result)
      position = end
      lastEnd = end
    }
    if position < bytes.count { result += bytes[position...] }
    return String(decoding: result, as: UTF8.self)
  }

  private func append(_ slots: [Int], of bytes: [UInt8], to result: inout [UInt8]) {
    for part in parts {
      switch part {
      case .literal(let literal): result += literal
      case .group(let group):
        guard slots.count > 2 * group + 1 else { continue }
        let (start, end) = (slots[2 * group], slots[2 * group + 1])
        // A group of a branch that was not taken.
        if start >= 0, start <= end, end <= bytes.count { result += bytes[start..<end] }
      }
    }
  }
}

extension Substitution: Hashable {
  package static func == (left: Self, right: Self) -> Bool {
    left.pattern == right.pattern && left.replacement == right.replacement
  }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(pattern)
    hasher.combine(replacement)
  }
}
