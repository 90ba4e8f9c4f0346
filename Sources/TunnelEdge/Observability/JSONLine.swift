import PlainText

/// One JSON object on one line, written field by field in the order given.
package struct JSONLine {
  private(set) var bytes: [UInt8] = []
  private var isEmpty = true

  package init() {
    bytes.reserveCapacity(256)
    bytes.append(UInt8(ascii: "{"))
  }

  package mutating func add(_ key: String, _ value: String) {
    begin(key)
    Self.appendQuoted(value, to: &bytes)
  }

  package mutating func add(_ key: String, _ value: Int64) {
    begin(key)
    bytes.append(contentsOf: String(value).utf8)
  }

  package mutating func add(_ key: String, _ value: Bool) {
    begin(key)
    bytes.append(contentsOf: (value ? "true" : "false").utf8)
  }

  /// A list of strings.
  package mutating func add(_ key: String, _ values: [String]) {
    begin(key)
    bytes.append(UInt8(ascii: "["))
    for (index, value) in values.enumerated() {
      if index > 0 { bytes.append(UInt8(ascii: ",")) }
      Self.appendQuoted(value, to: &bytes)
    }
    bytes.append(UInt8(ascii: "]"))
  }

  /// The finished line with its newline.
  package consuming func finished() -> [UInt8] {
    bytes.append(UInt8(ascii: "}"))
    bytes.append(UInt8(ascii: "\n"))
    return bytes
  }

  private mutating func begin(_ key: String) {
    if !isEmpty { bytes.append(UInt8(ascii: ",")) }
    isEmpty = false
    Self.appendQuoted(key, to: &bytes)
    bytes.append(UInt8(ascii: ":"))
  }

  /// RFC 8259 section 7; what is not safe on a terminal is escaped (security rule 34).
  private static func appendQuoted(_ text: String, to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": bytes.append(contentsOf: #"\""#.utf8)
      case "\\": bytes.append(contentsOf: #"\\"#.utf8)
      case "\n": bytes.append(contentsOf: #"\n"#.utf8)
      case "\r": bytes.append(contentsOf: #"\r"#.utf8)
      case "\t": bytes.append(contentsOf: #"\t"#.utf8)
      case "\u{20}"..."\u{7e}": bytes.append(UInt8(truncatingIfNeeded: scalar.value))
      case _ where PrintableText.isUnsafe(scalar):
        for unit in UTF16.encode(scalar) ?? .init() {
          let hex = String(unit, radix: 16)
          bytes.append(contentsOf: #"\u"#.utf8)
          bytes.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: max(0, 4 - hex.utf8.count)))
          bytes.append(contentsOf: hex.utf8)
        }
      default: bytes.append(contentsOf: UTF8.encode(scalar).map { Array($0) } ?? [])
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }
}
