/// A span of time in milliseconds.
package typealias Milliseconds = Int64

/// Reads a duration as Go writes it: `10s`, `1h30m`, `1.5h`, `250ms`, `0`. Negative ones are refused.
func milliseconds(fromDuration text: String) -> Milliseconds? {
  if text == "0" { return 0 }
  var rest = Substring(text.hasPrefix("+") ? text.dropFirst() : text[...])
  guard !rest.isEmpty else { return nil }
  var total = 0.0
  while !rest.isEmpty {
    let digits = rest.prefix { $0 == "." || ("0"..."9").contains($0) }
    guard digits.contains(where: { $0 != "." }), let number = Double(digits.hasPrefix(".") ? "0\(digits)" : digits)
    else { return nil }
    rest = rest.dropFirst(digits.count)
    let unit = rest.prefix { $0 != "." && !("0"..."9").contains($0) }
    guard let factor = unitsInMilliseconds[String(unit)] else { return nil }
    rest = rest.dropFirst(unit.count)
    total += number * factor
  }
  guard total <= longestDuration else { return nil }
  return total > 0 && total < 1 ? 1 : Milliseconds(total.rounded())
}

/// Go's durations end here (292 years).
private let longestDuration = 9.2e15

private let unitsInMilliseconds: [String: Double] = [
  "ns": 1e-6, "us": 1e-3, "µs": 1e-3, "μs": 1e-3, "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000,
]
