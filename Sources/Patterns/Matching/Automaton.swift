/// All ways through a program at once, worked out beforehand: for each set of places it can be at, and each byte, the next set.
struct Automaton: Sendable {
  /// Bytes that no instruction tells apart share a column.
  private let columns: [UInt8]
  private let columnCount: Int
  /// Row by row; `dead` where nothing can match any more.
  private let next: [UInt16]
  /// Whether the text may end here.
  private let accepts: [Bool]

  private static let dead: UInt16 = .max
  /// What a table may hold; patterns that people write need a few hundred.
  static let mostEntries = 32_768

  /// Where a match can be, between two bytes.
  private struct Place: Hashable {
    var before: Assertion.Neighbour
    /// Instructions, not yet followed.
    var instructions: [Int]
  }

  init(_ program: Program) throws(PatternError) {
    (columns, columnCount) = Self.columns(of: program)
    var samples = [UInt8](repeating: 0, count: columnCount)
    for byte in (UInt8.min...UInt8.max).reversed() { samples[Int(columns[Int(byte)])] = byte }
    var numbers: [Place: UInt16] = [:]
    var places = [Place(before: .edge, instructions: [0])]
    numbers[places[0]] = 0
    var next: [UInt16] = []
    var accepts: [Bool] = []
    var closure = Closure(program)
    var row = 0
    while row < places.count {
      let place = places[row]
      row += 1
      accepts.append(closure.follow(place.instructions, before: place.before, after: .edge).isMatch)
      let ways = [Assertion.Neighbour.word, .other].map {
        closure.follow(place.instructions, before: place.before, after: $0).bytes
      }
      for sample in samples {
        let after = Assertion.Neighbour(sample)
        let taken = (after == .word ? ways[0] : ways[1]).filter { $0.set.contains(sample) }.map { $0.next }
        guard !taken.isEmpty else {
          next.append(Self.dead)
          continue
        }
        let before = program.looksAround ? after : .other
        let reached = Place(before: before, instructions: Array(Set(taken)).sorted())
        if let known = numbers[reached] {
          next.append(known)
          continue
        }
        guard (places.count + 1) * columnCount <= Self.mostEntries else {
          throw PatternError(
            "the pattern has too many ways to be followed at once", at: nil,
            "take repetitions apart, or split it into several routes")
        }
        let number = UInt16(truncatingIfNeeded: places.count)
        numbers[reached] = number
        places.append(reached)
        next.append(number)
      }
    }
    self.next = next
    self.accepts = accepts
  }

  func matches(_ text: String.UTF8View) -> Bool {
    var row = 0
    for byte in text {
      let number = next[row * columnCount + Int(columns[Int(byte)])]
      if number == Self.dead { return false }
      row = Int(number)
    }
    return accepts[row]
  }

  func canBegin(with byte: UInt8) -> Bool { next[Int(columns[Int(byte)])] != Self.dead }

  /// Splits the bytes wherever an instruction does.
  private static func columns(of program: Program) -> ([UInt8], Int) {
    var sets: [ByteSet] = program.looksAround ? [.word] : []
    for case .byte(let set) in program.instructions where !sets.contains(set) { sets.append(set) }
    var numbers: [[Bool]: UInt8] = [:]
    var columns: [UInt8] = []
    for byte in UInt8.min...UInt8.max {
      let key = sets.map { $0.contains(byte) }
      let number = numbers[key] ?? UInt8(truncatingIfNeeded: numbers.count)
      numbers[key] = number
      columns.append(number)
    }
    return (columns, numbers.count)
  }
}

extension Program {
  /// Whether it asks what kind of byte came before.
  fileprivate var looksAround: Bool {
    instructions.contains {
      switch $0 {
      case .assertion(.wordBoundary), .assertion(.noWordBoundary): true
      case .assertion(.textBegin), .assertion(.textEnd), .byte, .split, .jump, .save, .match: false
      }
    }
  }
}

/// Follows everything that takes no byte.
private struct Closure {
  let program: Program
  private var seen: [Bool]
  private var open: [Int] = []

  init(_ program: Program) {
    self.program = program
    seen = [Bool](repeating: false, count: program.instructions.count)
  }

  mutating func follow(
    _ instructions: [Int], before: Assertion.Neighbour, after: Assertion.Neighbour
  ) -> (bytes: [(set: ByteSet, next: Int)], isMatch: Bool) {
    for index in seen.indices { seen[index] = false }
    var bytes: [(set: ByteSet, next: Int)] = []
    var isMatch = false
    open = instructions
    while let index = open.popLast() {
      guard !seen[index] else { continue }
      seen[index] = true
      switch program.instructions[index] {
      case .byte(let set): bytes.append((set, index + 1))
      case .split(let first, let second): open += [first, second]
      case .jump(let aim): open.append(aim)
      case .save: open.append(index + 1)
      case .assertion(let assertion):
        if assertion.holds(between: before, and: after) { open.append(index + 1) }
      case .match: isMatch = true
      }
    }
    return (bytes, isMatch)
  }
}
