/// The modules of a code: the patterns that readers find it by, and the data between them (ISO/IEC 18004 section 7.7).
struct QRMatrix: Equatable {
  let size: Int
  private let version: Int
  private var dark: [Bool]
  /// Patterns, which neither hold data nor are masked.
  private var isFixed: [Bool]

  init(_ layout: QRLayout) {
    size = layout.size
    version = layout.version
    dark = Array(repeating: false, count: size * size)
    isFixed = dark
    drawTiming()
    drawFinder(row: 3, column: 3)
    drawFinder(row: 3, column: size - 4)
    drawFinder(row: size - 4, column: 3)
    for row in layout.alignment {
      for column in layout.alignment where !touchesFinder(row, column) { drawAlignment(row: row, column: column) }
    }
    drawFormat(0)
    drawVersion()
  }

  func isDark(_ row: Int, _ column: Int) -> Bool {
    guard (0..<size).contains(row), (0..<size).contains(column) else { return false }
    return dark[row * size + column]
  }

  private mutating func fix(_ row: Int, _ column: Int, _ isDark: Bool) {
    guard (0..<size).contains(row), (0..<size).contains(column) else { return }
    dark[row * size + column] = isDark
    isFixed[row * size + column] = true
  }

  // MARK: Patterns

  private mutating func drawTiming() {
    for index in 0..<size {
      fix(6, index, index % 2 == 0)
      fix(index, 6, index % 2 == 0)
    }
  }

  /// With its light border.
  private mutating func drawFinder(row: Int, column: Int) {
    for down in -4...4 {
      for right in -4...4 {
        let ring = max(abs(down), abs(right))
        fix(row + down, column + right, ring != 2 && ring != 4)
      }
    }
  }

  private mutating func drawAlignment(row: Int, column: Int) {
    for down in -2...2 {
      for right in -2...2 { fix(row + down, column + right, max(abs(down), abs(right)) != 1) }
    }
  }

  private func touchesFinder(_ row: Int, _ column: Int) -> Bool {
    let last = size - 7
    return (row == 6 && (column == 6 || column == last)) || (row == last && column == 6)
  }

  /// Level and mask, twice: around the upper left finder, and beside the two others.
  private mutating func drawFormat(_ data: Int) {
    var remainder = data
    for _ in 0..<10 { remainder = remainder << 1 ^ (remainder >> 9) * 0x537 }
    let bits = (data << 10 | remainder) ^ 0x5412
    func bit(_ index: Int) -> Bool { bits >> index & 1 == 1 }
    for index in 0...5 { fix(index, 8, bit(index)) }
    fix(7, 8, bit(6))
    fix(8, 8, bit(7))
    fix(8, 7, bit(8))
    for index in 9..<15 { fix(8, 14 - index, bit(index)) }
    for index in 0..<8 { fix(8, size - 1 - index, bit(index)) }
    for index in 8..<15 { fix(size - 15 + index, 8, bit(index)) }
    fix(size - 8, 8, true)
  }

  /// From version 7 on.
  private mutating func drawVersion() {
    guard version >= 7 else { return }
    var remainder = version
    for _ in 0..<12 { remainder = remainder << 1 ^ (remainder >> 11) * 0x1F25 }
    let bits = version << 12 | remainder
    for index in 0..<18 {
      let isDark = bits >> index & 1 == 1
      let (far, near) = (size - 11 + index % 3, index / 3)
      fix(near, far, isDark)
      fix(far, near, isDark)
    }
  }

  // MARK: Data

  /// In pairs of columns from the right, upwards and downwards in turn, around the patterns.
  mutating func place(_ codewords: [UInt8]) {
    var index = 0
    var isUpward = true
    for right in [Int](stride(from: size - 1, to: 6, by: -2)) + [Int](stride(from: 5, to: 0, by: -2)) {
      for step in 0..<size {
        let row = isUpward ? size - 1 - step : step
        for column in [right, right - 1] where !isFixed[row * size + column] {
          if index < codewords.count * 8 {
            dark[row * size + column] = codewords[index / 8] >> (7 - index % 8) & 1 == 1
          }
          index += 1
        }
      }
      isUpward.toggle()
    }
  }

  func masked(_ mask: Int, _ level: QRCode.ErrorCorrection) -> QRMatrix {
    var result = self
    for row in 0..<size {
      for column in 0..<size where !isFixed[row * size + column] && Self.isInverted(mask, row, column) {
        result.dark[row * size + column].toggle()
      }
    }
    let levelBits =
      switch level {
      case .low: 1
      case .medium: 0
      }
    result.drawFormat(levelBits << 3 | mask)
    return result
  }

  private static func isInverted(_ mask: Int, _ row: Int, _ column: Int) -> Bool {
    switch mask {
    case 0: (row + column) % 2 == 0
    case 1: row % 2 == 0
    case 2: column % 3 == 0
    case 3: (row + column) % 3 == 0
    case 4: (row / 2 + column / 3) % 2 == 0
    case 5: row * column % 2 + row * column % 3 == 0
    case 6: (row * column % 2 + row * column % 3) % 2 == 0
    default: ((row + column) % 2 + row * column % 3) % 2 == 0
    }
  }
}
