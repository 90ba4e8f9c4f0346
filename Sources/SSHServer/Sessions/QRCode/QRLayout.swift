/// How much fits into a version, and how its codewords are made (ISO/IEC 18004 sections 7.4 to 7.6).
struct QRLayout {
  let version: Int
  /// Data and error correction together.
  private let codewordCount: Int
  private let low: (correction: Int, blocks: Int)
  private let medium: (correction: Int, blocks: Int)
  /// Centres of the alignment patterns, in both directions.
  let alignment: [Int]

  var size: Int { 17 + 4 * version }

  /// Tables 1, 9 and E.1 of the standard.
  static let all = [
    QRLayout(version: 1, codewordCount: 26, low: (7, 1), medium: (10, 1), alignment: []),
    QRLayout(version: 2, codewordCount: 44, low: (10, 1), medium: (16, 1), alignment: [6, 18]),
    QRLayout(version: 3, codewordCount: 70, low: (15, 1), medium: (26, 1), alignment: [6, 22]),
    QRLayout(version: 4, codewordCount: 100, low: (20, 1), medium: (18, 2), alignment: [6, 26]),
    QRLayout(version: 5, codewordCount: 134, low: (26, 1), medium: (24, 2), alignment: [6, 30]),
    QRLayout(version: 6, codewordCount: 172, low: (18, 2), medium: (16, 4), alignment: [6, 34]),
    QRLayout(version: 7, codewordCount: 196, low: (20, 2), medium: (18, 4), alignment: [6, 22, 38]),
    QRLayout(version: 8, codewordCount: 242, low: (24, 2), medium: (22, 4), alignment: [6, 24, 42]),
    QRLayout(version: 9, codewordCount: 292, low: (30, 2), medium: (22, 5), alignment: [6, 26, 46]),
    QRLayout(version: 10, codewordCount: 346, low: (18, 4), medium: (26, 5), alignment: [6, 28, 50]),
  ]

  private func correction(_ level: QRCode.ErrorCorrection) -> (correction: Int, blocks: Int) {
    switch level {
    case .low: low
    case .medium: medium
    }
  }

  private func dataCodewords(_ level: QRCode.ErrorCorrection) -> Int {
    let chosen = correction(level)
    return codewordCount - chosen.correction * chosen.blocks
  }

  private var countBits: Int { version < 10 ? 8 : 16 }

  /// Bytes of text that fit.
  func capacity(_ level: QRCode.ErrorCorrection) -> Int { (dataCodewords(level) * 8 - 4 - countBits) / 8 }

  /// The text's bytes as they are placed: with mode, count and padding, cut into blocks, with error correction,
  /// interleaved.
  func codewords(_ bytes: [UInt8], _ level: QRCode.ErrorCorrection) -> [UInt8] {
    let data = Self.data(bytes, countBits: countBits, length: dataCodewords(level))
    let (correction, blocks) = correction(level)
    let shortLength = data.count / blocks
    let shortBlocks = blocks - data.count % blocks
    var rest = data[...]
    var parts: [(data: [UInt8], correction: [UInt8])] = []
    let code = ReedSolomon(correctionLength: correction)
    for block in 0..<blocks {
      let part = Array(rest.prefix(block < shortBlocks ? shortLength : shortLength + 1))
      rest = rest.dropFirst(part.count)
      parts.append((part, code.correction(of: part)))
    }
    var result: [UInt8] = []
    for index in 0...shortLength {
      for part in parts where index < part.data.count { result.append(part.data[index]) }
    }
    for index in 0..<correction {
      for part in parts { result.append(part.correction[index]) }
    }
    return result
  }

  private static func data(_ bytes: [UInt8], countBits: Int, length: Int) -> [UInt8] {
    var bits: [Bool] = []
    func append(_ value: Int, _ count: Int) {
      for shift in (0..<count).reversed() { bits.append(value >> shift & 1 == 1) }
    }
    append(0b0100, 4)
    append(bytes.count, countBits)
    for byte in bytes { append(Int(byte), 8) }
    append(0, min(4, length * 8 - bits.count))
    append(0, (8 - bits.count % 8) % 8)
    var result = stride(from: 0, to: bits.count, by: 8).map { start in
      bits[start..<start + 8].reduce(UInt8(0)) { $0 << 1 | ($1 ? 1 : 0) }
    }
    var pad: UInt8 = 0xEC
    while result.count < length {
      result.append(pad)
      pad = pad == 0xEC ? 0x11 : 0xEC
    }
    return result
  }
}

/// Error correction over GF(2^8) with x^8 + x^4 + x^3 + x^2 + 1.
struct ReedSolomon {
  /// The generator without its leading 1, highest power first.
  private let generator: [UInt8]

  init(correctionLength: Int) {
    var generator = [UInt8](repeating: 0, count: max(correctionLength, 1) - 1) + [1]
    var root: UInt8 = 1
    for _ in 0..<correctionLength {
      for index in generator.indices {
        generator[index] = Self.product(generator[index], root)
        if index + 1 < generator.count { generator[index] ^= generator[index + 1] }
      }
      root = Self.product(root, 2)
    }
    self.generator = generator
  }

  func correction(of data: [UInt8]) -> [UInt8] {
    var remainder = [UInt8](repeating: 0, count: generator.count)
    for byte in data {
      let factor = byte ^ remainder.removeFirst()
      remainder.append(0)
      for index in remainder.indices { remainder[index] ^= Self.product(generator[index], factor) }
    }
    return remainder
  }

  static func product(_ left: UInt8, _ right: UInt8) -> UInt8 {
    var result = 0
    for shift in (0..<8).reversed() {
      result = result << 1 ^ (result >> 7) * 0x11D
      if right >> shift & 1 == 1 { result ^= Int(left) }
    }
    return UInt8(truncatingIfNeeded: result)
  }
}
