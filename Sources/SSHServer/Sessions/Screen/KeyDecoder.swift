/// Bytes from a client's terminal into keys. Whatever comes, it holds no more than `limit` bytes and never fails.
///
/// A lone ESC and the begin of a sequence look alike: what does not go on within 50 ms was the key.
///
///     ground ──ESC──▶ escape ──[──▶ sequence ──200~──▶ paste ──ESC [ 201 ~──▶ ground
///       │                └────O──▶ function
///       └──lead byte──▶ character
struct KeyDecoder {
  private enum State {
    case ground
    case escape
    /// After ESC O.
    case function
    /// After ESC [: parameters so far.
    case sequence([UInt8])
    /// A character of several bytes: those so far, and how many are missing.
    case character([UInt8], missing: Int)
    case paste([UInt8])
  }

  /// How long ESC waits for what follows, in milliseconds.
  static let escapeTime: UInt64 = 50
  /// Bytes of a pasted text that are kept, and of a sequence.
  static let pasteLimit = 1024
  private static let sequenceLimit = 32
  private static let pasteEnd: [UInt8] = Array("\u{1B}[201~".utf8)

  private var state = State.ground
  /// When a lone ESC becomes the key; milliseconds.
  private(set) var deadline: UInt64?

  mutating func receive(_ bytes: some Sequence<UInt8>, now: UInt64) -> [Key] {
    var keys = timePassed(now)
    for byte in bytes { take(byte, &keys) }
    switch state {
    case .escape, .function: deadline = now &+ Self.escapeTime
    case .ground, .sequence, .character, .paste: deadline = nil
    }
    return keys
  }

  mutating func timePassed(_ now: UInt64) -> [Key] {
    guard let deadline, deadline <= now else { return [] }
    self.deadline = nil
    defer { state = .ground }
    switch state {
    case .escape: return [.escape]
    case .function: return [.escape, .character("O")]
    case .ground, .sequence, .character, .paste: return []
    }
  }

  private mutating func take(_ byte: UInt8, _ keys: inout [Key]) {
    switch state {
    case .ground: ground(byte, &keys)
    case .escape:
      switch byte {
      case UInt8(ascii: "["): state = .sequence([])
      case UInt8(ascii: "O"): state = .function
      case 0x1B: keys.append(.escape)
      default:
        // Alt with a key comes as ESC and the key.
        state = .ground
        keys.append(.escape)
        ground(byte, &keys)
      }
    case .function:
      state = .ground
      if let key = Self.arrow(byte) { keys.append(key) } else if byte < 0x20 { ground(byte, &keys) }
    case .sequence(let parameters): sequence(byte, parameters, &keys)
    case .character(let begun, let missing): character(byte, begun, missing, &keys)
    case .paste(var text):
      // Let go of before it is changed, so that it is not copied.
      state = .ground
      // Whoever cannot end a paste can still quit.
      if byte == 0x03 || byte == 0x04 { return ground(byte, &keys) }
      text.append(byte)
      if text.suffix(Self.pasteEnd.count).elementsEqual(Self.pasteEnd) {
        keys.append(.pasted(Self.pastedText(text.dropLast(Self.pasteEnd.count))))
      } else {
        // The end is looked for in what follows, however long it is.
        if text.count > Self.pasteLimit { text.remove(at: Self.pasteLimit - Self.pasteEnd.count) }
        state = .paste(text)
      }
    }
  }

  private mutating func ground(_ byte: UInt8, _ keys: inout [Key]) {
    switch byte {
    case 0x1B: state = .escape
    case 0x0D, 0x0A: keys.append(.enter)
    case 0x09: keys.append(.tab)
    case 0x08, 0x7F: keys.append(.backspace)
    case 0x00: break
    case 0x01...0x1A: keys.append(.control(Character(Unicode.Scalar(byte + 0x40))))
    case 0x1C...0x1F: break
    case 0x20...0x7E: keys.append(.character(Unicode.Scalar(byte)))
    case 0xC2...0xDF: state = .character([byte], missing: 1)
    case 0xE0...0xEF: state = .character([byte], missing: 2)
    case 0xF0...0xF4: state = .character([byte], missing: 3)
    default: break
    }
  }

  private mutating func character(_ byte: UInt8, _ begun: [UInt8], _ missing: Int, _ keys: inout [Key]) {
    guard byte & 0xC0 == 0x80 else {
      state = .ground
      return ground(byte, &keys)
    }
    let bytes = begun + [byte]
    if missing > 1 {
      state = .character(bytes, missing: missing - 1)
      return
    }
    state = .ground
    var decoder = UTF8()
    var iterator = bytes.makeIterator()
    if case .scalarValue(let scalar) = decoder.decode(&iterator) { keys.append(.character(scalar)) }
  }

  /// ECMA-48 section 5.4: parameters and intermediates, then one final byte. Control characters act in between.
  private mutating func sequence(_ byte: UInt8, _ parameters: [UInt8], _ keys: inout [Key]) {
    switch byte {
    case 0x20...0x3F:
      if parameters.count < Self.sequenceLimit { state = .sequence(parameters + [byte]) }
    case 0x40...0x7E:
      state = .ground
      let text = String(decoding: parameters, as: UTF8.self)
      if text == "200", byte == UInt8(ascii: "~") {
        state = .paste([])
      } else if let key = Self.key(byte, text) {
        keys.append(key)
      } else if byte == UInt8(ascii: "["), parameters.isEmpty {
        // The Linux console's function keys: ESC [ [ and a letter.
        state = .function
      }
    case 0x1B: state = .escape
    default:
      state = .ground
      ground(byte, &keys)
    }
  }

  private static func key(_ final: UInt8, _ parameters: String) -> Key? {
    switch final {
    case UInt8(ascii: "Z"): return .backTab
    case UInt8(ascii: "~"):
      switch parameters.prefix(while: { $0 != ";" }) {
      case "1", "7": return .home
      case "4", "8": return .end
      case "5": return .pageUp
      case "6": return .pageDown
      default: return nil
      }
    default: return arrow(final)
    }
  }

  private static func arrow(_ final: UInt8) -> Key? {
    switch final {
    case UInt8(ascii: "A"): .up
    case UInt8(ascii: "B"): .down
    case UInt8(ascii: "C"): .right
    case UInt8(ascii: "D"): .left
    case UInt8(ascii: "H"): .home
    case UInt8(ascii: "F"): .end
    default: nil
    }
  }

  /// One line without controls.
  private static func pastedText(_ bytes: ArraySlice<UInt8>) -> String {
    let text = String(decoding: bytes, as: UTF8.self)
    return String(String.UnicodeScalarView(text.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7F }))
  }
}
