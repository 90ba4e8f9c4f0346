/// How a cell looks. The terminal's own colours as far as possible, and of the sixteen only those that can be read on
/// white and on black; what a colour says is said in words, too.
struct CellStyle: Hashable {
  enum Ink: UInt8 {
    case plain
    case red
    case green
    case magenta
    case cyan
    /// Black on white whatever the terminal's colours are, for a QR code.
    case paper
  }

  var ink = Ink.plain
  var isBold = false
  var isDim = false
  var isReversed = false
  var isUnderlined = false

  static let plain = CellStyle()
  static let bold = CellStyle(isBold: true)
  static let dim = CellStyle(isDim: true)
  static let bar = CellStyle(isReversed: true)

  /// The parameters of SGR (ECMA-48 section 8.3.117) that lead here from nothing set.
  func parameters(usesColour: Bool) -> [UInt8] {
    var result: [UInt8] = []
    if isBold { result.append(1) }
    if isDim { result.append(2) }
    if isUnderlined { result.append(4) }
    if isReversed { result.append(7) }
    guard usesColour else { return result }
    switch ink {
    case .plain: break
    case .red: result.append(31)
    case .green: result.append(32)
    case .magenta: result.append(35)
    case .cyan: result.append(36)
    case .paper: result += [30, 47]
    }
    return result
  }
}
