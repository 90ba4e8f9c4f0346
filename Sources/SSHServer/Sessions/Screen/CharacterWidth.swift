/// How many cells a character takes, where terminals agree; what they do not agree on is not drawn.
enum CharacterWidth {
  enum Kind: Equatable {
    case narrow
    case wide
    /// Belongs to the character before it.
    case mark
    /// Drawn differently everywhere, or not at all: another character stands for it, or none.
    case replaced(by: Unicode.Scalar?)
  }

  static func kind(of scalar: Unicode.Scalar) -> Kind {
    let value = scalar.value
    if value < 0x7F { return value < 0x20 ? .replaced(by: "?") : .narrow }
    switch value {
    // Controls, and what PrintableText has escaped already.
    case 0x7F...0x9F, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF: return .replaced(by: "?")
    // Variation selectors and skin tones: the plain form is drawn.
    case 0xFE00...0xFE0F, 0x1F3FB...0x1F3FF, 0xE0100...0xE01EF: return .replaced(by: nil)
    // Flags are pairs of letters.
    case 0x1F1E6...0x1F1FF: return .replaced(by: Unicode.Scalar(value - 0x1F1E6 + 0x41))
    default: break
    }
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format: return .mark
    case .control, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator:
      return .replaced(by: "?")
    case .spaceSeparator: return .replaced(by: " ")
    default: return isWide(scalar) ? .wide : .narrow
    }
  }

  /// East Asian Width W and F (UAX #11).
  private static func isWide(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x1100...0x115F, 0x2329...0x232A, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF,
      0xA000...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE10...0xFE19, 0xFE30...0xFE6F,
      0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x16FE0...0x18CFF, 0x1AFF0...0x1B2FF, 0x1F200...0x1F265, 0x1F300...0x1F320,
      0x20000...0x3FFFD:
      true
    default: scalar.properties.isEmojiPresentation
    }
  }
}
