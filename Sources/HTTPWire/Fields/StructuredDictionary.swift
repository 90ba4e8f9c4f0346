/// The members of a structured field that is a dictionary (RFC 9651 section 3.2), one after the other, in place.
///
/// Only what this proxy asks for is told, numbers and booleans; everything else is read as strictly and passed over.
struct StructuredDictionary {
  enum Value: Equatable {
    case boolean(Bool)
    case integer(Int)
    case other
  }

  /// The field is no dictionary: nothing of it counts (section 4.2).
  struct Malformed: Error {}

  private let bytes: ArraySlice<UInt8>
  private var at: Int
  private var isFirst = true

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    at = bytes.startIndex
  }

  /// The next member: where its key lies, and its value without parameters; `nil` behind the last.
  mutating func next() throws(Malformed) -> (key: Range<Int>, value: Value)? {
    if isFirst {
      isFirst = false
      skipSpaces()
      if present == nil { return nil }
    } else {
      skipBlanks()
      if present == nil { return nil }
      try take(0x2C)
      skipBlanks()
    }
    let key = try readKey()
    var value = Value.boolean(true)
    if isTaken(0x3D) { value = present == 0x28 ? try readInnerList() : try readBareItem() }
    try readParameters()
    return (key, value)
  }

  // MARK: Bytes

  private var present: UInt8? { at < bytes.endIndex ? bytes[at] : nil }

  private mutating func isTaken(_ byte: UInt8) -> Bool {
    guard present == byte else { return false }
    at += 1
    return true
  }

  private mutating func take(_ byte: UInt8) throws(Malformed) {
    guard isTaken(byte) else { throw Malformed() }
  }

  private mutating func skipSpaces() { while isTaken(ByteClass.space) {} }
  private mutating func skipBlanks() { while isTaken(ByteClass.space) || isTaken(ByteClass.tab) {} }

  // MARK: Parts (section 4.2)

  private mutating func readKey() throws(Malformed) -> Range<Int> {
    let start = at
    guard let first = present, Self.isLower(first) || first == 0x2A else { throw Malformed() }
    while let byte = present,
      Self.isLower(byte) || ByteClass.digit(byte) != nil || byte == 0x5F || byte == 0x2D || byte == 0x2E || byte == 0x2A
    {
      at += 1
    }
    return start..<at
  }

  private mutating func readParameters() throws(Malformed) {
    while isTaken(0x3B) {
      skipSpaces()
      _ = try readKey()
      if isTaken(0x3D) { _ = try readBareItem() }
    }
  }

  private mutating func readInnerList() throws(Malformed) -> Value {
    try take(0x28)
    skipSpaces()
    while !isTaken(0x29) {
      _ = try readBareItem()
      try readParameters()
      guard present == ByteClass.space || present == 0x29 else { throw Malformed() }
      skipSpaces()
    }
    return .other
  }

  private mutating func readBareItem() throws(Malformed) -> Value {
    guard let first = present else { throw Malformed() }
    switch first {
    case 0x2D, 0x30...0x39: return try readNumber()
    case 0x22: try readString()
    case 0x2A, 0x41...0x5A, 0x61...0x7A:
      while let byte = present, ByteClass.isToken(byte) || byte == ByteClass.colon || byte == ByteClass.slash {
        at += 1
      }
    case ByteClass.colon:
      at += 1
      while let byte = present, byte != ByteClass.colon {
        guard Self.isBase64(byte) else { throw Malformed() }
        at += 1
      }
      try take(ByteClass.colon)
    case ByteClass.questionMark:
      at += 1
      if isTaken(0x31) { return .boolean(true) }
      try take(0x30)
      return .boolean(false)
    case 0x40:
      at += 1
      guard case .integer = try readNumber() else { throw Malformed() }
    case 0x25: try readDisplayString()
    default: throw Malformed()
    }
    return .other
  }

  /// Up to 15 digits; of a decimal, up to 12 before the point and 3 behind it.
  private mutating func readNumber() throws(Malformed) -> Value {
    let isNegative = isTaken(0x2D)
    var number = 0
    var digits = 0
    while let byte = present, let digit = ByteClass.digit(byte) {
      digits += 1
      guard digits <= 15 else { throw Malformed() }
      number = number * 10 + Int(digit)
      at += 1
    }
    guard digits > 0 else { throw Malformed() }
    guard isTaken(0x2E) else { return .integer(isNegative ? -number : number) }
    guard digits <= 12 else { throw Malformed() }
    var behind = 0
    while let byte = present, ByteClass.digit(byte) != nil {
      behind += 1
      at += 1
    }
    guard (1...3).contains(behind) else { throw Malformed() }
    return .other
  }

  private mutating func readString() throws(Malformed) {
    try take(0x22)
    while let byte = present {
      at += 1
      switch byte {
      case 0x22: return
      case 0x5C:
        guard isTaken(0x22) || isTaken(0x5C) else { throw Malformed() }
      case 0x20...0x7E: break
      default: throw Malformed()
      }
    }
    throw Malformed()
  }

  private mutating func readDisplayString() throws(Malformed) {
    try take(0x25)
    try take(0x22)
    while let byte = present {
      at += 1
      switch byte {
      case 0x22: return
      case 0x25:
        for _ in 0..<2 {
          guard let digit = present, ByteClass.hexDigit(digit) != nil, !(0x41...0x5A).contains(digit) else {
            throw Malformed()
          }
          at += 1
        }
      case 0x20...0x7E: break
      default: throw Malformed()
      }
    }
    throw Malformed()
  }

  private static func isLower(_ byte: UInt8) -> Bool { byte &- 0x61 < 26 }

  private static func isBase64(_ byte: UInt8) -> Bool {
    isLower(ByteClass.lowercased(byte)) || ByteClass.digit(byte) != nil || byte == 0x2B || byte == 0x2F || byte == 0x3D
  }
}
