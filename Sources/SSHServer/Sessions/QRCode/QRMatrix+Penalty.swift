/// How hard a matrix is to read; of the eight masks the one with the least is taken (ISO/IEC 18004 section 7.8.3).
extension QRMatrix {
  var penalty: Int {
    var result = 0
    var darkCount = 0
    for line in 0..<size {
      result += runs { isDark(line, $0) } + runs { isDark($0, line) }
      for column in 0..<size where isDark(line, column) { darkCount += 1 }
    }
    for row in 0..<size - 1 {
      for column in 0..<size - 1 {
        let corner = isDark(row, column)
        let isBlock =
          isDark(row, column + 1) == corner && isDark(row + 1, column) == corner
          && isDark(row + 1, column + 1) == corner
        if isBlock { result += 3 }
      }
    }
    // Each 5 % away from an even share.
    let total = size * size
    return result + abs(darkCount * 20 - total * 10) / total * 10
  }

  /// Five and more alike in a row, and what looks like a finder with its light border on one side.
  private func runs(_ isDark: (Int) -> Bool) -> Int {
    var result = 0
    var length = 0
    var last = false
    var history = 0
    for index in 0..<size {
      let dark = isDark(index)
      length = index > 0 && dark == last ? length + 1 : 1
      last = dark
      if length == 5 { result += 3 } else if length > 5 { result += 1 }
      history = (history << 1 | (dark ? 1 : 0)) & 0x7FF
      if index >= 10, history == 0b101_1101_0000 || history == 0b000_0101_1101 { result += 40 }
    }
    return result
  }
}
