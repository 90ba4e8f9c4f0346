import Policy

/// Reads YAML's flow style, as far as the vectors need it: `{allow: {or: [{email: {is: a@x.com}}]}}`, quotes where they matter.
/// Columns are those of the text, the line is 1.
struct FlowText {
  private var rest: ArraySlice<Character>

  static func parse(_ text: String) -> PolicyNode {
    var reader = FlowText(rest: Array(text)[...])
    return reader.value()
  }

  private init(rest: ArraySlice<Character>) { self.rest = rest }

  private var position: SourcePosition { SourcePosition(line: 1, column: rest.startIndex + 1) }

  private mutating func skipBlanks() { rest = rest.drop { $0 == " " || $0 == "\n" } }

  private mutating func take(_ character: Character) -> Bool {
    skipBlanks()
    guard rest.first == character else { return false }
    rest.removeFirst()
    return true
  }

  private mutating func value() -> PolicyNode {
    skipBlanks()
    let start = position
    if take("{") {
      var entries: [PolicyNode.Entry] = []
      while !take("}") {
        skipBlanks()
        let keyPosition = position
        let key = scalarText(endingAt: ":")
        _ = take(":")
        entries.append(.init(key.text, at: keyPosition, value()))
        _ = take(",")
      }
      return PolicyNode(.object(entries), at: start)
    }
    if take("[") {
      var items: [PolicyNode] = []
      while !take("]") {
        items.append(value())
        _ = take(",")
      }
      return PolicyNode(.list(items), at: start)
    }
    let scalar = scalarText(endingAt: ",}]")
    return PolicyNode(scalar.isQuoted ? .string(scalar.text) : resolve(scalar.text), at: start)
  }

  private mutating func scalarText(endingAt ends: String) -> (text: String, isQuoted: Bool) {
    skipBlanks()
    for quote: Character in ["\"", "'"] where take(quote) {
      let text = rest.prefix { $0 != quote }
      rest = rest.dropFirst(text.count + 1)
      return (String(text), true)
    }
    let text = rest.prefix { !ends.contains($0) }
    rest = rest.dropFirst(text.count)
    return (String(text.reversed().drop { $0 == " " }.reversed()), false)
  }

  private func resolve(_ text: String) -> PolicyNode.Value {
    switch text {
    case "", "null", "~": .null
    case "true": .bool(true)
    case "false": .bool(false)
    default: Double(text).map { .number($0) } ?? .string(text)
    }
  }
}
