/// Escapes and classes of characters.
extension PatternParser {
  private static let escapedClasses: [UInt8: ByteSet] = [
    UInt8(ascii: "d"): .digits, UInt8(ascii: "D"): ByteSet.digits.inverted,
    UInt8(ascii: "w"): .word, UInt8(ascii: "W"): ByteSet.word.inverted,
    UInt8(ascii: "s"): .space, UInt8(ascii: "S"): ByteSet.space.inverted,
  ]

  private static let assertions: [UInt8: Assertion] = [
    UInt8(ascii: "A"): .textBegin, UInt8(ascii: "z"): .textEnd, UInt8(ascii: "b"): .wordBoundary,
    UInt8(ascii: "B"): .noWordBoundary,
  ]

  private static let controls: [UInt8: UInt8] = [
    UInt8(ascii: "a"): 0x07, UInt8(ascii: "f"): 0x0C, UInt8(ascii: "n"): 0x0A, UInt8(ascii: "r"): 0x0D,
    UInt8(ascii: "t"): 0x09, UInt8(ascii: "v"): 0x0B,
  ]

  private static let namedClasses: [String: ByteSet] = [
    "alnum": ByteSet(0x30...0x39, 0x41...0x5A, 0x61...0x7A), "alpha": ByteSet(0x41...0x5A, 0x61...0x7A),
    "ascii": ByteSet(0...0x7F), "blank": ByteSet(0x09...0x09, 0x20...0x20), "cntrl": ByteSet(0...0x1F, 0x7F...0x7F),
    "digit": .digits, "graph": ByteSet(0x21...0x7E), "lower": ByteSet(0x61...0x7A), "print": ByteSet(0x20...0x7E),
    "punct": ByteSet(0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E), "space": ByteSet(0x09...0x0D, 0x20...0x20),
    "upper": ByteSet(0x41...0x5A), "word": .word, "xdigit": ByteSet(0x30...0x39, 0x41...0x46, 0x61...0x66),
  ]

  /// A backslash outside of a class.
  mutating func escape() throws(PatternError) -> Node {
    if index + 1 < bytes.count, let assertion = Self.assertions[bytes[index + 1]] {
      index += 2
      return .assertion(assertion)
    }
    switch try escapedBytes() {
    case .set(let set): return .byte(set)
    case .byte(let byte): return .byte(folded(ByteSet(byte)))
    }
  }

  private enum Escaped {
    case byte(UInt8)
    case set(ByteSet)
  }

  private mutating func escapedBytes() throws(PatternError) -> Escaped {
    let start = index
    index += 1
    guard let byte = next else {
      throw PatternError("a single backslash at the end", at: start, #"a backslash itself is `\\`"#)
    }
    index += 1
    if let set = Self.escapedClasses[byte] { return .set(set) }
    if let control = Self.controls[byte] { return .byte(control) }
    switch byte {
    case UInt8(ascii: "x"): return .byte(try hexadecimal(from: start))
    case 0x31...0x39:
      throw PatternError("a reference back to a group cannot be matched in linear time", at: start)
    case UInt8(ascii: "p"), UInt8(ascii: "P"):
      throw PatternError(
        "paths are ASCII: classes of Unicode mean nothing to them", at: start, "as [a-z] or [[:alpha:]]")
    case UInt8(ascii: "Z"):
      throw PatternError(#"unknown escape `\Z`"#, at: start, #"the end of the path is `\z` or `$`"#)
    case _ where byte > 0x20 && byte < 0x7F && !ByteSet.word.contains(byte): return .byte(byte)
    default:
      let name = byte > 0x20 && byte < 0x7F ? " `\\\(String(decoding: [byte], as: UTF8.self))`" : ""
      throw PatternError("unknown escape\(name)", at: start)
    }
  }

  /// `\x2F` or `\x{2f}`.
  private mutating func hexadecimal(from start: Int) throws(PatternError) -> UInt8 {
    let isBraced = take("{")
    var value = 0
    var digits = 0
    while let byte = next, digits < (isBraced ? 8 : 2), let digit = Self.hexadecimalDigit(byte) {
      value = value << 4 | digit
      digits += 1
      index += 1
    }
    guard isBraced ? digits > 0 && take("}") : digits == 2 else {
      throw PatternError(#"`\x` needs two hexadecimal digits"#, at: start, #"as \x2f or \x{2f}"#)
    }
    guard value < 0x80 else {
      throw PatternError("no path has this character", at: start, "paths are percent-encoded ASCII")
    }
    return UInt8(truncatingIfNeeded: value)
  }

  private static func hexadecimalDigit(_ byte: UInt8) -> Int? {
    switch byte {
    case 0x30...0x39: Int(byte) - 0x30
    case 0x41...0x46: Int(byte) - 0x37
    case 0x61...0x66: Int(byte) - 0x57
    default: nil
    }
  }

  // MARK: Classes

  /// `[…]`
  mutating func characterClass() throws(PatternError) -> ByteSet {
    let start = index
    index += 1
    let isNegated = take("^")
    var set = ByteSet()
    var isFirst = true
    while isFirst || next != UInt8(ascii: "]") {
      guard next != nil else { throw PatternError("`[` without `]`", at: start, #"a bracket itself is `\[`"#) }
      isFirst = false
      if isNext("[:") {
        set.formUnion(try namedClass())
        continue
      }
      let rangeStart = index
      let low: UInt8
      switch try classByte() {
      case .set(let escaped):
        set.formUnion(escaped)
        if next == UInt8(ascii: "-"), index + 1 < bytes.count, bytes[index + 1] != UInt8(ascii: "]") {
          throw PatternError("a range cannot begin with a class", at: rangeStart, #"a hyphen itself is `\-`"#)
        }
        continue
      case .byte(let byte): low = byte
      }
      guard next == UInt8(ascii: "-"), index + 1 < bytes.count, bytes[index + 1] != UInt8(ascii: "]") else {
        set.insert(low)
        continue
      }
      index += 1
      guard case .byte(let high) = try classByte(), low <= high else {
        throw PatternError(
          "a range that goes backwards, or ends with a class", at: rangeStart, #"a hyphen itself is `\-`"#)
      }
      set.insert(low...high)
    }
    index += 1
    set = folded(set)
    return isNegated ? set.inverted : set
  }

  private mutating func classByte() throws(PatternError) -> Escaped {
    guard let byte = next else { throw PatternError("`[` without `]`", at: index) }
    if byte == UInt8(ascii: "\\") { return try escapedBytes() }
    guard byte > 0x20, byte < 0x7F else {
      throw PatternError("no path has this character", at: index, "paths are percent-encoded: a blank is %20")
    }
    index += 1
    return .byte(byte)
  }

  /// `[:alpha:]`, `[:^digit:]`
  private mutating func namedClass() throws(PatternError) -> ByteSet {
    let start = index
    index += 2
    let isNegated = take("^")
    let begin = index
    while let byte = next, ByteSet.word.contains(byte) { index += 1 }
    let name = String(decoding: bytes[begin..<index], as: UTF8.self)
    guard let set = Self.namedClasses[name], take(":]") else {
      throw PatternError("unknown class `[:\(name):]`", at: start, "as [:alpha:], [:digit:], [:alnum:]")
    }
    return isNegated ? set.inverted : set
  }
}
