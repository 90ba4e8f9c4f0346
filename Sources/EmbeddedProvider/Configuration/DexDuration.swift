/// Durations as Go writes them: `24h`, `1h30m`, `3s`, `500ms`.
enum DexDuration {
  /// Milliseconds, or `nil` when the text is no duration.
  static func milliseconds(_ text: String) -> Int64? {
    let units: [(String, Double)] = [("ms", 1), ("h", 3_600_000), ("m", 60_000), ("s", 1000)]
    var rest = Substring(text)
    guard !rest.isEmpty else { return nil }
    if rest == "0" { return 0 }
    var total = 0.0
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
      guard let count = Double(digits), count.isFinite else { return nil }
      rest = rest.dropFirst(digits.count)
      guard let (unit, factor) = units.first(where: { rest.hasPrefix($0.0) }) else { return nil }
      rest = rest.dropFirst(unit.count)
      total += count * factor
    }
    guard total <= 1e15 else { return nil }
    return Int64(total)
  }
}
