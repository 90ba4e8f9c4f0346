/// JSON to be written (RFC 8259), members in the order given. It is printable ASCII without `<`, whatever it says: safe on a
/// terminal (security rule 34), in a log and inside a page.
package indirect enum JSONText: Sendable {
  case string(String)
  case integer(Int64)
  case bool(Bool)
  case list([JSONText])
  case object([(String, JSONText)])

  package static func strings(_ values: String...) -> JSONText { .list(values.map { .string($0) }) }

  /// A count; what is beyond 63 bits is written as their most.
  package static func count(_ value: some BinaryInteger) -> JSONText { .integer(Int64(clamping: value)) }

  package var text: String {
    var bytes: [UInt8] = []
    write(to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  private func write(to bytes: inout [UInt8]) {
    switch self {
    case .string(let value): Self.writeQuoted(value, to: &bytes)
    case .integer(let value): bytes += String(value).utf8
    case .bool(let value): bytes += (value ? "true" : "false").utf8
    case .list(let values):
      bytes.append(UInt8(ascii: "["))
      for (index, value) in values.enumerated() {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        value.write(to: &bytes)
      }
      bytes.append(UInt8(ascii: "]"))
    case .object(let members):
      bytes.append(UInt8(ascii: "{"))
      for (index, member) in members.enumerated() {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        Self.writeQuoted(member.0, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        member.1.write(to: &bytes)
      }
      bytes.append(UInt8(ascii: "}"))
    }
  }

  private static func writeQuoted(_ value: String, to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    for unit in value.utf16 {
      switch unit {
      case 0x22, 0x5C: bytes += [UInt8(ascii: "\\"), UInt8(truncatingIfNeeded: unit)]
      case 0x3C: bytes += #"\u003c"#.utf8
      case 0x20...0x7E: bytes.append(UInt8(truncatingIfNeeded: unit))
      default:
        let digits = String(unit, radix: 16)
        bytes += (#"\u"# + String(repeating: "0", count: 4 - digits.utf8.count) + digits).utf8
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }
}
