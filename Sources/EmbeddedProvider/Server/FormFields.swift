/// The pairs of a query or of a form body.
struct FormFields: Sendable {
  let pairs: [(name: String, value: String)]

  init(_ text: String) {
    pairs = text.split(separator: "&").map { pair in
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      return (Self.decode(parts.first ?? ""), parts.count > 1 ? Self.decode(parts[1]) : "")
    }
  }

  /// The value of a field that stands there once; repeated fields are no value at all (RFC 6749, 3.1).
  subscript(_ name: String) -> String? {
    let values = pairs.filter { $0.name == name }
    return values.count == 1 ? values.first?.value : nil
  }

  func isRepeated(_ name: String) -> Bool { pairs.lazy.filter { $0.name == name }.count > 1 }

  static func decode(_ text: some StringProtocol) -> String {
    var bytes: [UInt8] = []
    var rest = text.utf8.makeIterator()
    while let byte = rest.next() {
      switch byte {
      case UInt8(ascii: "+"): bytes.append(0x20)
      case UInt8(ascii: "%"):
        if let high = rest.next(), let low = rest.next(), let first = nibble(high), let second = nibble(low) {
          bytes.append(first << 4 | second)
        } else {
          bytes.append(UInt8(ascii: "?"))
        }
      default: bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  static func encode(_ text: String) -> String {
    var out = ""
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"):
        out.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        let digits = String(byte, radix: 16, uppercase: true)
        out += digits.utf8.count == 1 ? "%0\(digits)" : "%\(digits)"
      }
    }
    return out
  }

  private static func nibble(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
