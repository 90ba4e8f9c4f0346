/// HTML under construction. Text that is interpolated is escaped, always; only `Markup` itself goes in as it is.
struct Markup: Sendable, ExpressibleByStringInterpolation {
  let source: String

  init(stringLiteral value: String) { source = value }
  init(stringInterpolation: StringInterpolation) { source = stringInterpolation.source }
  /// For text of ours that is markup or style already.
  init(trusted: String) { source = trusted }

  struct StringInterpolation: StringInterpolationProtocol {
    var source = ""

    init(literalCapacity: Int, interpolationCount: Int) { source.reserveCapacity(literalCapacity) }
    mutating func appendLiteral(_ literal: String) { source += literal }
    mutating func appendInterpolation(_ markup: Markup) { source += markup.source }
    mutating func appendInterpolation(_ list: [Markup]) { for markup in list { source += markup.source } }
    @_disfavoredOverload
    mutating func appendInterpolation(_ text: String) {
      for scalar in text.unicodeScalars {
        switch scalar {
        case "&": source += "&amp;"
        case "<": source += "&lt;"
        case ">": source += "&gt;"
        case "\"": source += "&quot;"
        case "'": source += "&#39;"
        default: source.unicodeScalars.append(scalar.value == 0 ? "\u{FFFD}" : scalar)
        }
      }
    }
  }
}
