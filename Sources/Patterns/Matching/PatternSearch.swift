/// Finds where a pattern matches, and what its groups are, after Pike: all ways are followed side by side, byte by byte, and
/// the one that Perl would have found first wins. Never more work than the length of the text times that of the program, and a
/// limit for all searches in one text together.
struct PatternSearch {
  /// The text would take more work than is allowed.
  struct Exhausted: Error {}

  private var way: Way
  private var present: Threads
  private var coming: Threads

  init(_ program: Program, in text: [UInt8]) {
    way = Way(program, text)
    present = Threads(program)
    coming = Threads(program)
  }

  /// The first match at or behind a place: where each group begins and ends, -1 where it took no part.
  mutating func first(from start: Int) throws(Exhausted) -> [Int]? {
    let slotCount = way.program.slotCount
    var found: [Int]?
    present.removeAll()
    for position in start...max(start, way.text.count) {
      if found == nil {
        way.forget()
        try way.follow(0, at: position, into: &present)
      }
      if found != nil, present.instructions.isEmpty { break }
      coming.removeAll()
      for (index, instruction) in present.instructions.enumerated() {
        let slots = index * slotCount..<(index + 1) * slotCount
        guard case .byte(let set) = way.program.instructions[instruction] else {
          found = Array(present.slots[slots])
          // What follows is less preferred.
          break
        }
        guard position < way.text.count, set.contains(way.text[position]) else { continue }
        way.take(present.slots[slots])
        try way.follow(instruction + 1, at: position + 1, into: &coming)
      }
      swap(&present, &coming)
    }
    return found
  }
}

/// Ways, in the order of preference: where each is, before a byte or at the end, and what it has noted.
private struct Threads {
  private(set) var instructions: [Int] = []
  private(set) var slots: [Int] = []
  /// Which instructions have been followed since the list was emptied for the last time.
  private var rounds: [Int]
  private var round = 1

  init(_ program: Program) { rounds = [Int](repeating: 0, count: program.instructions.count) }

  /// Whether it is the first time.
  mutating func enter(_ instruction: Int) -> Bool {
    if rounds[instruction] == round { return false }
    rounds[instruction] = round
    return true
  }

  mutating func append(_ instruction: Int, _ noted: [Int]) {
    instructions.append(instruction)
    slots += noted
  }

  mutating func removeAll() {
    instructions.removeAll(keepingCapacity: true)
    slots.removeAll(keepingCapacity: true)
    round += 1
  }
}

/// The way that is being followed.
private struct Way {
  let program: Program
  let text: [UInt8]
  /// Where its groups begin and end.
  private var noted: [Int]
  /// What is still to be followed from one place.
  private var open: [Step] = []
  private var work = 0

  private enum Step {
    case follow(Int)
    /// What a slot held before the branch that has been followed.
    case restore(slot: Int, Int)
  }

  init(_ program: Program, _ text: [UInt8]) {
    self.program = program
    self.text = text
    noted = [Int](repeating: -1, count: program.slotCount)
  }

  mutating func forget() {
    for slot in noted.indices { noted[slot] = -1 }
  }

  mutating func take(_ slots: ArraySlice<Int>) {
    for (slot, place) in zip(noted.indices, slots) { noted[slot] = place }
  }

  /// Adds everything that is reached without a byte.
  mutating func follow(
    _ start: Int, at position: Int, into threads: inout Threads
  ) throws(PatternSearch.Exhausted) {
    let before = position > 0 ? Assertion.Neighbour(text[position - 1]) : .edge
    let after = position < text.count ? Assertion.Neighbour(text[position]) : .edge
    open.append(.follow(start))
    while let step = open.popLast() {
      work += 1
      guard work <= Substitution.mostWork else { throw PatternSearch.Exhausted() }
      guard case .follow(let instruction) = step else {
        if case .restore(let slot, let old) = step { noted[slot] = old }
        continue
      }
      guard threads.enter(instruction) else { continue }
      switch program.instructions[instruction] {
      case .byte, .match: threads.append(instruction, noted)
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
