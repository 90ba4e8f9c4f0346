/// The little JSON that commands print. Text is escaped so that it is safe on a terminal too (security rule 34).
indirect enum JSONText {
  case string(String)
  case number(UInt64)
  case bool(Bool)
  case list([JSONText])
  case object([(String, JSONText)])

  var rendered: String {
    switch self {
    case .string(let text): Self.quoted(text)
    case .number(let value): "\(value)"
    case .bool(let value): value ? "true" : "false"
    case .list(let items): "[" + items.map(\.rendered).joined(separator: ",") + "]"
    case .object(let fields):
      "{" + fields.map { Self.quoted($0.0) + ":" + $0.1.rendered }.joined(separator: ",") + "}"
    }
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for unit in text.utf16 {
      switch unit {
      case 0x22: result += "\\\""
      case 0x5C: result += "\\\\"
      case 0x20...0x7E: result.unicodeScalars.append(Unicode.Scalar(UInt8(truncatingIfNeeded: unit)))
      default:
        let hex = String(unit, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      }
    }
    return result + "\""
  }
}
