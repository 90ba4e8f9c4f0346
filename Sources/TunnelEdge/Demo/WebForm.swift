/// A form of a page, as far as the demo's own walk needs to fill it in.
struct WebForm: Sendable {
  var action: String
  /// Names and values of inputs and hidden fields, in page order.
  var fields: [(name: String, value: String)]
  /// Buttons that send a value.
  var buttons: [(name: String, value: String)]
  var hasPassword: Bool

  /// The POST forms of a page.
  static func all(in page: String) -> [WebForm] {
    var forms: [WebForm] = []
    var current: WebForm?
    for tag in tags(in: page) {
      switch tag.name {
      case "form":
        if tag.attributes["method"]?.lowercased() == "post" {
          current = WebForm(action: tag.attributes["action"] ?? "", fields: [], buttons: [], hasPassword: false)
        }
      case "/form":
        if let form = current { forms.append(form) }
        current = nil
      case "input":
        guard let name = tag.attributes["name"] else { continue }
        switch tag.attributes["type"] {
        case "submit": current?.buttons.append((name, tag.attributes["value"] ?? ""))
        case "checkbox", "radio": break
        case "password":
          current?.hasPassword = true
          current?.fields.append((name, ""))
        default: current?.fields.append((name, tag.attributes["value"] ?? ""))
        }
      case "button":
        if let name = tag.attributes["name"] { current?.buttons.append((name, tag.attributes["value"] ?? "")) }
      default: break
      }
    }
    return forms
  }

  /// `application/x-www-form-urlencoded`, with some fields given other values.
  func encoded(setting values: [String: String], button: (name: String, value: String)? = nil) -> [UInt8] {
    var pairs = fields.map { (name: $0.name, value: values[$0.name] ?? $0.value) }
    if let button { pairs.append(button) }
    return Array(pairs.map { "\(Self.escape($0.name))=\(Self.escape($0.value))" }.joined(separator: "&").utf8)
  }

  private struct Tag {
    var name: String
    var attributes: [String: String]
  }

  private static func tags(in page: String) -> [Tag] {
    var tags: [Tag] = []
    var rest = page[...]
    while let open = rest.firstIndex(of: "<"), let close = rest[open...].firstIndex(of: ">") {
      tags.append(tag(rest[rest.index(after: open)..<close]))
      rest = rest[rest.index(after: close)...]
    }
    return tags
  }

  private static func tag(_ text: Substring) -> Tag {
    let name = text.prefix { !$0.isWhitespace && $0 != "/" || $0 == "/" && text.first == "/" }
    var attributes: [String: String] = [:]
    var rest = text.dropFirst(name.count)
    while let start = rest.firstIndex(where: { $0.isLetter }) {
      let key = rest[start...].prefix { $0.isLetter || $0 == "-" }
      rest = rest[start...].dropFirst(key.count)
      var value = ""[...]
      if rest.first == "=" {
        rest = rest.dropFirst()
        if let quote = rest.first, quote == "\"" || quote == "'" {
          value = rest.dropFirst().prefix { $0 != quote }
          rest = rest.dropFirst(value.count + 2)
        } else {
          value = rest.prefix { !$0.isWhitespace }
          rest = rest.dropFirst(value.count)
        }
      }
      attributes[key.lowercased()] = unescape(value)
    }
    return Tag(name: name.lowercased(), attributes: attributes)
  }

  private static func unescape(_ text: Substring) -> String {
    var result = ""
    var rest = text
    let entities = [
      ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&#x27;", "'"), ("&#34;", "\""),
    ]
    while let first = rest.first {
      if first == "&", let (name, character) = entities.first(where: { rest.hasPrefix($0.0) }) {
        result += character
        rest = rest.dropFirst(name.count)
      } else {
        result.append(first)
        rest = rest.dropFirst()
      }
    }
    return result
  }

  private static func escape(_ text: String) -> String {
    var result = ""
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
        UInt8(ascii: "~"):
        result.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        let hex = String(byte, radix: 16, uppercase: true)
        result += hex.count == 1 ? "%0\(hex)" : "%\(hex)"
      }
    }
    return result
  }
}
