/// HTML under construction. The only way from text to markup: whatever is interpolated is escaped, and what could hide or
/// reorder characters is made visible (security rule 34); only `HTML` itself goes in as it is.
package struct HTML: Sendable, ExpressibleByStringInterpolation {
  package let source: String

  package init(stringLiteral value: String) { source = value }
  package init(stringInterpolation: StringInterpolation) { source = stringInterpolation.source }
  /// For text of ours that is markup, style or script already.
  package init(trusted: String) { source = trusted }

  package struct StringInterpolation: StringInterpolationProtocol {
    var source = ""

    package init(literalCapacity: Int, interpolationCount: Int) { source.reserveCapacity(literalCapacity) }
    package mutating func appendLiteral(_ literal: String) { source += literal }
    package mutating func appendInterpolation(_ html: HTML) { source += html.source }
    package mutating func appendInterpolation(_ list: [HTML]) { for html in list { source += html.source } }
    package mutating func appendInterpolation(_ number: Int) { source += String(number) }
    // Disfavoured, so that a literal inside an interpolation is markup; text in variables always comes here.
    @_disfavoredOverload
    package mutating func appendInterpolation(_ text: String) { HTML.escape(text, into: &source) }
    /// A URL of ours in an attribute: escaped, never cut.
    package mutating func appendInterpolation(url: String) { HTML.escape(url, limit: .max, into: &source) }
  }

  /// The longest text from outside that a page shows.
  private static let longestText = 512

  private static func escape(_ text: String, limit: Int = longestText, into source: inout String) {
    for scalar in text.printable(limit: limit).unicodeScalars {
      switch scalar {
      case "&": source += "&amp;"
      case "<": source += "&lt;"
      case ">": source += "&gt;"
      case "\"": source += "&quot;"
      case "'": source += "&#39;"
      default: source.unicodeScalars.append(scalar)
      }
    }
  }
}

extension [HTML] {
  package func joined(_ separator: HTML = "") -> HTML {
    HTML(trusted: map(\.source).joined(separator: separator.source))
  }
}
