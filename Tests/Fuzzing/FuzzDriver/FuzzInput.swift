/// Reads choices out of an input. What is not there any more is zero, so that every input means something.
package struct FuzzInput {
  private var rest: ArraySlice<UInt8>

  package init(_ bytes: [UInt8]) { rest = bytes[...] }

  package var isEmpty: Bool { rest.isEmpty }
  package var remaining: [UInt8] { Array(rest) }

  package mutating func byte() -> UInt8 { rest.popFirst() ?? 0 }

  package mutating func bool() -> Bool { byte() & 1 == 1 }

  /// 0 to `bound` − 1.
  package mutating func number(below bound: Int) -> Int {
    bound <= 256 ? Int(byte()) % bound : (Int(byte()) << 8 | Int(byte())) % bound
  }

  package mutating func uint32() -> UInt32 { bytes(4).reduce(0) { $0 << 8 | UInt32($1) } }

  /// At most this many.
  package mutating func bytes(_ count: Int) -> [UInt8] {
    let taken = rest.prefix(count)
    rest = rest.dropFirst(taken.count)
    return Array(taken)
  }

  /// Behind two bytes of length.
  package mutating func piece() -> [UInt8] { bytes(Int(byte()) << 8 | Int(byte())) }

  /// All that is left, as pieces behind two bytes of length each.
  package mutating func pieces() -> [[UInt8]] {
    var pieces: [[UInt8]] = []
    while rest.count > 2 { pieces.append(piece()) }
    return pieces
  }

  /// A genuine object with changes: position (two bytes) and value. Reaches deeper than raw bytes, behind checksums and
  /// signatures.
  package static func changed(_ original: [UInt8], by edits: [UInt8]) -> [UInt8] {
    var bytes = original
    for start in stride(from: 0, to: edits.count - 2, by: 3) where !bytes.isEmpty {
      bytes[(Int(edits[start]) << 8 | Int(edits[start + 1])) % bytes.count] = edits[start + 2]
    }
    return bytes
  }

  /// The same bytes in pieces of sizes that `pattern` chooses, one byte each without a pattern.
  package static func split(_ bytes: [UInt8], by pattern: [UInt8]) -> [[UInt8]] {
    var pieces: [[UInt8]] = []
    var rest = bytes[...]
    var turn = 0
    while !rest.isEmpty {
      let size = pattern.isEmpty ? 1 : 1 + Int(pattern[turn % pattern.count])
      turn += 1
      pieces.append(Array(rest.prefix(size)))
      rest = rest.dropFirst(size)
    }
    return pieces
  }
}
