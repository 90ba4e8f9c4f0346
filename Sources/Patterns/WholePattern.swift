/// A regular expression that a whole text must match, in the syntax of RE2.
///
/// Visitors choose the text, so deciding takes one look at a table for each of its bytes, whatever the expression says and
/// whatever the text is: the expression is turned into a deterministic automaton when the configuration is read, and one that
/// would need too large a table is refused there.
package struct WholePattern: Sendable {
  /// As it was written.
  package let text: String
  private let automaton: Automaton

  package init(_ text: String) throws(PatternError) {
    self.text = text
    automaton = try Automaton(try Program(PatternParser.parse(text)))
  }

  package func matches(_ text: String) -> Bool { automaton.matches(text.utf8) }

  /// Whether any text that begins with this byte could match.
  package func canBegin(with byte: UInt8) -> Bool { automaton.canBegin(with: byte) }
}

extension WholePattern: Hashable {
  package static func == (left: Self, right: Self) -> Bool { left.text == right.text }
  package func hash(into hasher: inout Hasher) { hasher.combine(text) }
}
