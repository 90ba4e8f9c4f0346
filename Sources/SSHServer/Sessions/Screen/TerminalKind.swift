/// What a client's terminal can do, from what its client said of it.
struct TerminalKind: Equatable {
  /// Addresses the cursor: a screen can be drawn. Otherwise there are lines.
  let hasScreen: Bool
  let usesColour: Bool
  /// Shows more than ASCII.
  let usesUnicode: Bool
  let isLinuxConsole: Bool

  static let none = TerminalKind(hasScreen: false, usesColour: false, usesUnicode: true, isLinuxConsole: false)

  private init(hasScreen: Bool, usesColour: Bool, usesUnicode: Bool, isLinuxConsole: Bool) {
    self.hasScreen = hasScreen
    self.usesColour = usesColour
    self.usesUnicode = usesUnicode
    self.isLinuxConsole = isLinuxConsole
  }

  /// `name` is TERM; `modes` are those of the pty request, encoded (RFC 4254 section 8).
  init(name: String, modes: [UInt8], environment: [String: String]) {
    hasScreen = !Self.withoutScreen.contains(name)
    isLinuxConsole = name == "linux"
    // https://no-color.org: set and not empty.
    usesColour = (environment["NO_COLOR"] ?? "").isEmpty && !Self.withoutColour.contains(name)
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
    let saysUTF8 = locale.map { $0.lowercased().filter { $0 != "-" }.contains("utf8") }
    usesUnicode = Self.inputIsUTF8(modes) || saysUTF8 ?? true
  }

  private static let withoutScreen: Set<String> = ["", "dumb", "unknown", "emacs", "network", "dialup"]
  private static let withoutColour: Set<String> = ["vt52", "vt100", "vt102", "vt220", "xterm-mono"]

  /// IUTF8 (RFC 8160): the client's terminal driver knows that it speaks UTF-8. Most send it; its absence says nothing.
  private static func inputIsUTF8(_ modes: [UInt8]) -> Bool {
    var rest = modes[...]
    while let code = rest.popFirst(), code != 0, code < 160 {
      let value = rest.prefix(4)
      guard value.count == 4 else { return false }
      rest = rest.dropFirst(4)
      if code == 42 { return value.contains { $0 != 0 } }
    }
    return false
  }

  /// Another sign for one that the terminal cannot show.
  func fitting(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
    guard !usesUnicode, scalar.value > 0x7E else { return scalar }
    return Self.substitutes[scalar] ?? "?"
  }

  private static let substitutes: [Unicode.Scalar: Unicode.Scalar] = [
    "•": "*", "○": "o", "►": ">", "─": "-", "│": "|", "…": "~", "·": "-", "↑": "^", "↓": "v", "█": "#", "▀": "\"",
    "▄": "_",
  ]
}
