/// A pattern as a list of instructions, after Thompson: to match is to follow all of its ways at once.
struct Program: Sendable {
  enum Instruction: Sendable {
    /// Takes one byte of these and goes on behind itself.
    case byte(ByteSet)
    /// Goes both ways; the first is preferred.
    case split(Int, Int)
    case jump(Int)
    /// Notes the place: `2n` where group n begins, `2n + 1` where it ends. Group 0 is the whole.
    case save(Int)
    case assertion(Assertion)
    case match
  }

  let instructions: [Instruction]
  /// How many places are noted.
  let slotCount: Int

  /// What a pattern may need; a hundred times what people write.
  static let largest = 2000
  /// Groups that a substitution can name.
  static let namedGroups = 9

  init(_ syntax: PatternSyntax) throws(PatternError) {
    var builder = ProgramBuilder()
    try builder.append(.group(syntax.root, number: 0))
    try builder.emit(.match)
    instructions = builder.instructions
    slotCount = 2 * (min(syntax.groupCount, Self.namedGroups) + 1)
  }
}

private struct ProgramBuilder {
  typealias Node = PatternSyntax.Node
  private(set) var instructions: [Program.Instruction] = []
  /// What was looked at: repeating nothing a thousand times a thousand times makes no instruction, and takes its time.
  private var work = 0

  mutating func emit(_ instruction: Program.Instruction) throws(PatternError) {
    guard instructions.count < Program.largest else { throw Self.tooLarge }
    instructions.append(instruction)
  }

  private static var tooLarge: PatternError {
    PatternError(
      "the pattern is too large once its repetitions are written out", at: nil, "repeat less, or without a count")
  }

  mutating func append(_ node: Node) throws(PatternError) {
    work += 1
    guard work <= 20 * Program.largest else { throw Self.tooLarge }
    switch node {
    case .empty: break
    case .byte(let set): try emit(.byte(set))
    case .assertion(let assertion): try emit(.assertion(assertion))
    case .sequence(let nodes): for node in nodes { try append(node) }
    case .choice(let nodes): try append(choice: nodes)
    case .group(let node, let number):
      let isSaved = number <= Program.namedGroups
      if isSaved { try emit(.save(2 * number)) }
      try append(node)
      if isSaved { try emit(.save(2 * number + 1)) }
    case .repetition(let node, let minimum, let maximum, let isGreedy):
      try append(node, minimum: minimum, maximum: maximum, isGreedy: isGreedy)
    }
  }

  private mutating func append(choice nodes: [Node]) throws(PatternError) {
    var ends: [Int] = []
    for node in nodes.dropLast() {
      let split = try reserve()
      try append(node)
      ends.append(try reserve())
      instructions[split] = .split(split + 1, instructions.count)
    }
    if let last = nodes.last { try append(last) }
    for end in ends { instructions[end] = .jump(instructions.count) }
  }

  private mutating func append(_ node: Node, minimum: Int, maximum: Int?, isGreedy: Bool) throws(PatternError) {
    guard let maximum else {
      if minimum == 0 {
        // What can be nothing is taken once or more, or not at all: else its groups would be those of the last nothing.
        let split = try reserve()
        let body = instructions.count
        try append(node)
        if node.canBeEmpty {
          try appendSplit(back: body, isGreedy: isGreedy)
        } else {
          try emit(.jump(split))
        }
        instructions[split] = Self.split(split + 1, instructions.count, isGreedy)
        return
      }
      for _ in 1..<minimum { try append(node) }
      let body = instructions.count
      try append(node)
      try appendSplit(back: body, isGreedy: isGreedy)
      return
    }
    for _ in 0..<minimum { try append(node) }
    var splits: [Int] = []
    for _ in minimum..<maximum {
      splits.append(try reserve())
      try append(node)
    }
    for split in splits { instructions[split] = Self.split(split + 1, instructions.count, isGreedy) }
  }

  private mutating func appendSplit(back body: Int, isGreedy: Bool) throws(PatternError) {
    try emit(Self.split(body, instructions.count + 1, isGreedy))
  }

  private static func split(_ more: Int, _ on: Int, _ isGreedy: Bool) -> Program.Instruction {
    isGreedy ? .split(more, on) : .split(on, more)
  }

  /// A place for an instruction whose aim is not known yet.
  private mutating func reserve() throws(PatternError) -> Int {
    try emit(.match)
    return instructions.count - 1
  }
}
