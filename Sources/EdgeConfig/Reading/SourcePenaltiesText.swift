internal import Policy

/// Reads `crash:90s authfail:5s …` as sshd_config writes it; what is left out keeps its default.
struct SourcePenaltiesText {
  struct Mistake: Error {
    let message: String
    let suggestion: String?
  }

  private static var times: [(name: String, field: WritableKeyPath<SourcePenaltiesConfiguration, Int>)] {
    [
      ("crash", \.crash), ("authfail", \.authfail), ("refuseconnection", \.refuseConnection), ("noauth", \.noAuth),
      ("grace-exceeded", \.graceExceeded), ("max", \.maximum), ("min", \.minimum),
    ]
  }
  private static var counts: [(name: String, field: WritableKeyPath<SourcePenaltiesConfiguration, Int>)] {
    [
      ("max-sources4", \.maximumSources4), ("max-sources6", \.maximumSources6),
    ]
  }
  /// A day; a source is no person who could be punished for longer.
  private static let longest = 86_400
  private static let mostSources = 10_000_000

  /// Nil: nobody is penalised.
  static func read(_ text: String) throws(Mistake) -> SourcePenaltiesConfiguration? {
    switch text {
    case "no", "false": return nil
    case "yes", "true": return SourcePenaltiesConfiguration()
    default: break
    }
    var result = SourcePenaltiesConfiguration()
    var seen: Set<String> = []
    for word in text.split(whereSeparator: \.isWhitespace) {
      let parts = word.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 2, let name = parts.first, let value = parts.last else {
        throw Mistake(message: "`\(word)` is not name:value", suggestion: "as authfail:5s, or `no`")
      }
      guard seen.insert(name).inserted else { throw Mistake(message: "`\(name)` is there twice", suggestion: nil) }
      if let time = times.first(where: { $0.name == name }) {
        result[keyPath: time.field] = try seconds(value, of: name)
      } else if let count = counts.first(where: { $0.name == name }) {
        guard let number = Int(value), (1...mostSources).contains(number) else {
          throw Mistake(message: "`\(name)`: expected a number from 1 to \(mostSources)", suggestion: nil)
        }
        result[keyPath: count.field] = number
      } else {
        throw unknown(name, value)
      }
    }
    guard !seen.isEmpty else {
      throw Mistake(message: "is empty", suggestion: "write `no` to penalise nobody, or take the key out")
    }
    guard result.minimum >= 1, result.minimum <= result.maximum else {
      throw Mistake(message: "`min` must be at least 1s and at most `max`", suggestion: nil)
    }
    return result
  }

  /// Like sshd, a number alone is seconds.
  private static func seconds(_ value: String, of name: String) throws(Mistake) -> Int {
    let time = Int(value).map { Int64(clamping: $0).multipliedReportingOverflow(by: 1000) }
    let milliseconds = time.flatMap { $0.overflow ? nil : $0.partialValue } ?? milliseconds(fromDuration: value)
    guard let milliseconds, milliseconds >= 0, milliseconds % 1000 == 0, milliseconds <= Int64(longest) * 1000 else {
      throw Mistake(
        message: "`\(name):\(value)` is no time in whole seconds, up to a day", suggestion: "as \(name):10s")
    }
    return Int(milliseconds / 1000)
  }

  private static func unknown(_ name: String, _ value: String) -> Mistake {
    switch name {
    case "invaliduser":
      return Mistake(
        message: "`invaliduser` has no meaning here: login names are not accounts", suggestion: "take it out")
    case "overflow", "overflow6":
      if value == "permissive" {
        return Mistake(message: "`\(name)` is always permissive here", suggestion: "take it out")
      }
      return Mistake(
        message: "`\(name):\(value)` is not possible: whoever has many addresses could shut out everybody",
        suggestion: "take it out; a full table forgets the penalty that ends next")
    default:
      let nearest = nearestName(to: name, among: (times + counts).map(\.name))
      return Mistake(
        message: "`\(name)` is not known",
        suggestion: nearest.map { "did you mean `\($0)`?" }
          ?? "one of \((times + counts).map { "`\($0.name)`" }.joined(separator: ", "))")
    }
  }
}
