/// The Huffman code of HPACK (RFC 7541 section 5.2 and appendix B). It is canonical, so the lengths of its codes say everything:
/// codes of one length follow each other in the order of their symbols.
struct HuffmanCode: Sendable {
  static let shared = HuffmanCode()

  private static let longest = 30
  /// The symbol after the 256 bytes: the end of a string, which never stands in one.
  private static let end = 256

  /// What the next eight bits begin with, for codes of up to eight bits: length and symbol; 0 for longer ones.
  private var short = [UInt16](repeating: 0, count: 256)
  /// For each length: the first code, how many there are, and where their symbols begin.
  private var first = [UInt32](repeating: 0, count: longest + 1)
  private var count = [UInt32](repeating: 0, count: longest + 1)
  private var offset = [Int](repeating: 0, count: longest + 1)
  private var symbols: [UInt16] = []

  private init() {
    var code: UInt32 = 0
    for length in 1...Self.longest {
      code <<= 1
      first[length] = code
      offset[length] = symbols.count
      for (symbol, itsLength) in Self.lengths.enumerated() where Int(itsLength) == length {
        if length <= 8 {
          let start = Int(code) << (8 - length)
          for index in start..<start + (1 << (8 - length)) { short[index] = UInt16(length << 8 | symbol) }
        }
        symbols.append(UInt16(symbol))
        count[length] += 1
        code += 1
      }
    }
  }

  /// Appends what the coded bytes say; `false` when they are no such string.
  func decode(_ bytes: Span<UInt8>, _ range: Range<Int>, into out: inout [UInt8]) -> Bool {
    var window: UInt64 = 0
    var bits = 0
    var index = range.lowerBound
    while true {
      while bits <= 48, index < range.upperBound {
        window = window << 8 | UInt64(bytes[index])
        bits += 8
        index += 1
      }
      guard bits > 0 else { return true }
      let next = bits >= 8 ? window >> UInt64(bits - 8) : window << UInt64(8 - bits)
      let entry = short[Int(truncatingIfNeeded: next & 0xFF)]
      if entry != 0, Int(entry >> 8) <= bits {
        out.append(UInt8(truncatingIfNeeded: entry))
        bits -= Int(entry >> 8)
        continue
      }
      guard entry == 0, let (symbol, length) = long(window, bits) else { break }
      guard symbol != Self.end else { return false }
      out.append(UInt8(truncatingIfNeeded: symbol))
      bits -= length
    }
    // Padding: the first bits of the end's code, which are ones, and less than a byte of them.
    let mask = (UInt64(1) << UInt64(bits)) - 1
    return bits < 8 && window & mask == mask
  }

  private func long(_ window: UInt64, _ bits: Int) -> (symbol: Int, length: Int)? {
    var length = 9
    while length <= min(bits, Self.longest) {
      let code = UInt32(truncatingIfNeeded: window >> UInt64(bits - length)) & ((1 << UInt32(length)) - 1)
      if code >= first[length], code - first[length] < count[length] {
        return (Int(symbols[offset[length] + Int(code - first[length])]), length)
      }
      length += 1
    }
    return nil
  }

  /// Of each byte, and of the end.
  private static let lengths: [UInt8] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28,
    28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15,
    6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22,
    20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23,
    23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22,
    22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26,
    27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27,
    26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
  ]
}
