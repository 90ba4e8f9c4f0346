/// Finds where a pattern matches, and what its groups are, after Pike: all ways are followed side by side, byte by byte, and
/// the one that Perl would have found first wins. Never more work than the length of the text times that of the program, and a
/// limit for all searches in one text together.
struct PatternSearch {
  /// The text would take more work than is allowed.
  struct Exhausted: Error {}

  private let program: Program
  private let text: [UInt8]
  private var threads: Threads
  private var coming: Threads
  /// What is still to be followed from one place.
  private var open: [Step] = []
  private var work = 0

  private enum Step {
    case follow(Int)
    /// What a slot held before the way that has been followed.
    case restore(slot: Int, Int)
  }

  /// Ways, in the order of preference, each at an instruction and with what it has noted.
  private struct Threads {
    private(set) var instructions: [Int] = []
    private var slots: [Int] = []
    private var positions: [Int]
    let slotCount: Int

    init(_ program: Program) {
      positions = [Int](repeating: 0, count: program.instructions.count)
      slotCount = program.slotCount
    }

    func contains(_ instruction: Int) -> Bool {
      let position = positions[instruction]
      return position < instructions.count && instructions[position] == instruction
    }

    mutating func append(_ instruction: Int, _ noted: [Int]) {
      positions[instruction] = instructions.count
      instructions.append(instruction)
      slots += noted
    }

    func slots(_ index: Int) -> [Int] { Array(slots[index * slotCount..<(index + 1) * slotCount]) }

    mutating func removeAll() {
      instructions.removeAll(keepingCapacity: true)
      slots.removeAll(keepingCapacity: true)
    }
  }

  init(_ program: Program, in text: [UInt8]) {
    self.program = program
    self.text = text
    threads = Threads(program)
    coming = Threads(program)
  }

  /// The first match at or behind a place: where each group begins and ends, -1 where it took no part.
  mutating func first(from start: Int) throws(Exhausted) -> [Int]? {
    let nothing = [Int](repeating: -1, count: program.slotCount)
    var found: [Int]?
    threads.removeAll()
    for position in start...max(start, text.count) {
      if found == nil { try follow(0, at: position, noted: nothing, into: .present) }
      if threads.instructions.isEmpty { break }
      coming.removeAll()
      var index = 0
      while index < threads.instructions.count {
        let instruction = threads.instructions[index]
        switch program.instructions[instruction] {
        case .byte(let set):
          if position < text.count, set.contains(text[position]) {
            try follow(instruction + 1, at: position + 1, noted: threads.slots(index), into: .coming)
          }
        case .match:
          found = threads.slots(index)
          // What follows is less preferred.
          index = threads.instructions.count
        case .split, .jump, .save, .assertion: break
        }
        index += 1
      }
      swap(&threads, &coming)
    }
    return found
  }

  private enum Aim { case present, coming }

  /// Adds everything that is reached without a byte.
  private mutating func follow(_ start: Int, at position: Int, noted: [Int], into aim: Aim) throws(Exhausted) {
    let before = position > 0 ? Assertion.Neighbour(text[position - 1]) : .edge
    let after = position < text.count ? Assertion.Neighbour(text[position]) : .edge
    var noted = noted
    open.removeAll(keepingCapacity: true)
    open.append(.follow(start))
    while let step = open.popLast() {
      work += 1
      guard work <= Substitution.mostWork else { throw Exhausted() }
      guard case .follow(let instruction) = step else {
        if case .restore(let slot, let old) = step { noted[slot] = old }
        continue
      }
      guard aim == .present ? !threads.contains(instruction) : !coming.contains(instruction) else { continue }
      if aim == .present { threads.append(instruction, noted) } else { coming.append(instruction, noted) }
      switch program.instructions[instruction] {
      case .byte, .match: break
      case .jump(let next): open.append(.follow(next))
      case .split(let first, let second):
        open.append(.follow(second))
        open.append(.follow(first))
      case .save(let slot):
        if slot < noted.count {
          open.append(.restore(slot: slot, noted[slot]))
          noted[slot] = position
        }
        open.append(.follow(instruction + 1))
      case .assertion(let assertion):
        if assertion.holds(between: before, and: after) { open.append(.follow(instruction + 1)) }
      }
    }
  }
}
