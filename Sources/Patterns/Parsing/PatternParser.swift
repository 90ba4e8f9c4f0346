/// Reads the syntax of RE2, as far as it makes sense for paths. What RE2 does not have, because it cannot be matched in linear
/// time, is refused by name.
struct PatternParser {
  typealias Node = PatternSyntax.Node

  /// Longer ones are no accident.
  static let longestPattern = 4096
  /// Groups within groups.
  static let deepestNesting = 100
  /// `{n}`, as in RE2.
  static let mostRepetitions = 1000

  struct Flags {
    var ignoresCase = false
    var dotTakesLineFeed = false
    var prefersFewer = false
  }

  let bytes: [UInt8]
  var index = 0
  var flags = Flags()
  private var depth = 0
  private var groupCount = 0
  private var names: Set<String> = []

  static func parse(_ text: String) throws(PatternError) -> PatternSyntax {
    var parser = PatternParser(bytes: Array(text.utf8))
    guard parser.bytes.count <= longestPattern else {
      throw PatternError(
        "\(parser.bytes.count) bytes are too many for a pattern; \(longestPattern) are possible", at: nil)
    }
    let root = try parser.choice()
    if parser.index < parser.bytes.count {
      throw PatternError("`)` without `(`", at: parser.index, #"a bracket itself is `\)`"#)
    }
    return PatternSyntax(root: root, groupCount: parser.groupCount)
  }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  var next: UInt8? { index < bytes.count ? bytes[index] : nil }

  func isNext(_ text: String) -> Bool { bytes.dropFirst(index).starts(with: text.utf8) }

  mutating func take(_ text: String) -> Bool {
    guard isNext(text) else { return false }
    index += text.utf8.count
    return true
  }

  // MARK: Structure

  private mutating func choice() throws(PatternError) -> Node {
    var branches = [try sequence()]
    while take("|") { branches.append(try sequence()) }
    return branches.count == 1 ? branches[0] : .choice(branches)
  }

  private mutating func sequence() throws(PatternError) -> Node {
    var nodes: [Node] = []
    while let byte = next, byte != UInt8(ascii: "|"), byte != UInt8(ascii: ")") {
      if take(#"\Q"#) {
        try quoted(into: &nodes)
        continue
      }
      let start = index
      guard let atom = try atom() else { continue }
      nodes.append(try repeated(atom, from: start))
    }
    return nodes.count == 1 ? nodes[0] : nodes.isEmpty ? .empty : .sequence(nodes)
  }

  /// `\Q…\E`: literally.
  private mutating func quoted(into nodes: inout [Node]) throws(PatternError) {
    while index < bytes.count, !take(#"\E"#) { nodes.append(try literal()) }
  }

  /// `nil` after flags, which are nothing themselves.
  private mutating func atom() throws(PatternError) -> Node? {
    switch next {
    case UInt8(ascii: "("): return try group()
    case UInt8(ascii: "["): return .byte(try characterClass())
    case UInt8(ascii: "\\"): return try escape()
    case UInt8(ascii: "."):
      index += 1
      return .byte(flags.dotTakesLineFeed ? .all : ByteSet(0x0A).inverted)
    case UInt8(ascii: "^"):
      index += 1
      return .assertion(.textBegin)
    case UInt8(ascii: "$"):
      index += 1
      return .assertion(.textEnd)
    case UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "?"):
      throw PatternError(
        "nothing stands before it to be repeated", at: index, "a literal one has a backslash before it")
    default: return try literal()
    }
  }

  private mutating func literal() throws(PatternError) -> Node {
    let byte = bytes[index]
    guard byte > 0x20, byte < 0x7F else {
      throw PatternError("no path has this character", at: index, "paths are percent-encoded: a blank is %20")
    }
    index += 1
    return .byte(folded(ByteSet(byte)))
  }

  func folded(_ set: ByteSet) -> ByteSet { flags.ignoresCase ? set.ignoringCase : set }

  // MARK: Repetition

  private mutating func repeated(_ node: Node, from start: Int) throws(PatternError) -> Node {
    guard let (minimum, maximum) = try repetition() else { return node }
    var isGreedy = !flags.prefersFewer
    if take("?") { isGreedy.toggle() }
    let end = index
    if next == UInt8(ascii: "+") {
      throw PatternError(
        "a repetition that gives nothing back cannot be matched in linear time", at: end, "take the `+` out")
    }
    if try repetition() != nil {
      throw PatternError("a repetition of a repetition", at: end, "put brackets around the first one: (?:…)")
    }
    return .repetition(node, minimum: minimum, maximum: maximum, isGreedy: isGreedy)
  }

  private mutating func repetition() throws(PatternError) -> (Int, Int?)? {
    if take("*") { return (0, nil) }
    if take("+") { return (1, nil) }
    if take("?") { return (0, 1) }
    let start = index
    guard take("{") else { return nil }
    guard let minimum = number() else { return literalBrace(start) }
    var maximum: Int? = minimum
    if take(",") { maximum = number() }
    guard take("}") else { return literalBrace(start) }
    if let maximum, maximum < minimum { throw PatternError("a repetition from \(minimum) to \(maximum)", at: start) }
    guard max(minimum, maximum ?? 0) <= Self.mostRepetitions else {
      throw PatternError("at most \(Self.mostRepetitions) repetitions are possible", at: start)
    }
    return (minimum, maximum)
  }

  /// A `{` that begins no repetition stands for itself.
  private mutating func literalBrace(_ start: Int) -> (Int, Int?)? {
    index = start
    return nil
  }

  private mutating func number() -> Int? {
    let start = index
    var value = 0
    while let byte = next, (0x30...0x39).contains(byte) {
      value = min(value * 10 + Int(byte) - 0x30, Self.mostRepetitions + 1)
      index += 1
    }
    return index > start ? value : nil
  }

  // MARK: Groups

  private mutating func group() throws(PatternError) -> Node? {
    let start = index
    index += 1
    let outer = flags
    var number: Int?
    if take("?") {
      if take("P<") || (!isNext("<=") && !isNext("<!") && take("<")) {
        try groupName(from: start)
        groupCount += 1
        number = groupCount
      } else if try !flagsOfGroup(from: start) {
        return nil
      }
    } else {
      groupCount += 1
      number = groupCount
    }
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.deepestNesting else { throw PatternError("brackets are nested too deeply", at: start) }
    let node = try choice()
    guard take(")") else { throw PatternError("`(` without `)`", at: start, #"a bracket itself is `\(`"#) }
    flags = outer
    return number.map { .group(node, number: $0) } ?? node
  }

  private mutating func groupName(from start: Int) throws(PatternError) {
    let begin = index
    while let byte = next, ByteSet.word.contains(byte) { index += 1 }
    let name = String(decoding: bytes[begin..<index], as: UTF8.self)
    guard !name.isEmpty, take(">") else { throw PatternError("a group's name has letters, digits and `_`", at: start) }
    guard names.insert(name).inserted else { throw PatternError("a second group named `\(name)`", at: start) }
  }

  /// `(?i)` up to the end of the group around it: false. `(?i:…)` and `(?:…)`: true.
  private mutating func flagsOfGroup(from start: Int) throws(PatternError) -> Bool {
    try refuseLookAround(from: start)
    var isOn = true
    while let byte = next {
      index += 1
      switch byte {
      case UInt8(ascii: "i"): flags.ignoresCase = isOn
      case UInt8(ascii: "s"): flags.dotTakesLineFeed = isOn
      case UInt8(ascii: "U"): flags.prefersFewer = isOn
      case UInt8(ascii: "m"):
        throw PatternError("the flag `m` means nothing to paths: they have one line", at: index - 1)
      case UInt8(ascii: "-") where isOn: isOn = false
      case UInt8(ascii: ":"): return true
      case UInt8(ascii: ")"): return false
      default: throw PatternError("unknown kind of group", at: start, "`(…)`, `(?:…)` and `(?i:…)` are known")
      }
    }
    throw PatternError("`(` without `)`", at: start)
  }

  private func refuseLookAround(from start: Int) throws(PatternError) {
    let kinds = [
      ("=", "looking ahead"), ("!", "looking ahead"), ("<=", "looking back"), ("<!", "looking back"),
      (">", "an atomic group"), ("P=", "a reference back"), ("(", "a condition"), ("#", "a comment"),
    ]
    guard let kind = kinds.first(where: { isNext($0.0) }) else { return }
    throw PatternError("\(kind.1) is not possible: every path must be matched in linear time", at: start)
  }
}
