/// Writes Prometheus' text format, version 0.0.4: for each family its help, its type and its samples.
///
/// https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
struct ExpositionText {
  static let mediaType = "text/plain; version=0.0.4; charset=utf-8"

  enum Number {
    case whole(UInt64)
    case real(Double)

    static func whole(_ value: Int) -> Number { .whole(UInt64(clamping: value)) }
  }

  /// The values of the family's labels, in its order.
  typealias Sample = (labels: [String], value: Number)

  private(set) var text = ""

  mutating func write(_ family: MetricFamily, _ value: Number) { write(family, [([], value)]) }

  /// A family without samples is left out: nobody could tell its type from a mistake.
  mutating func write(_ family: MetricFamily, _ samples: [Sample]) {
    guard !samples.isEmpty else { return }
    describe(family)
    for sample in samples { line(family.name, Array(zip(family.labels, sample.labels)), sample.value) }
  }

  /// `counts` has one number for each bound, of that range only, and one for what is above all of them.
  mutating func writeHistogram(_ family: MetricFamily, bounds: [Double], counts: [UInt64], sum: Double) {
    describe(family)
    var total: UInt64 = 0
    for (index, count) in counts.enumerated() {
      total &+= count
      let bound = index < bounds.count ? Self.text(of: bounds[index]) : "+Inf"
      line(family.name + "_bucket", [("le", bound)], .whole(total))
    }
    line(family.name + "_sum", [], .real(sum))
    line(family.name + "_count", [], .whole(total))
  }

  private mutating func describe(_ family: MetricFamily) {
    text += "# HELP \(family.name) \(Self.escaped(family.help, quotes: false))\n"
    text += "# TYPE \(family.name) \(family.kind.rawValue)\n"
  }

  private mutating func line(_ name: String, _ labels: [(name: String, value: String)], _ value: Number) {
    text += name
    if !labels.isEmpty {
      let pairs = labels.map { "\($0.name)=\"\(Self.escaped($0.value, quotes: true))\"" }
      text += "{\(pairs.joined(separator: ","))}"
    }
    switch value {
    case .whole(let number): text += " \(number)\n"
    case .real(let number): text += " \(Self.text(of: number))\n"
    }
  }

  /// As Go's ParseFloat reads it.
  private static func text(of number: Double) -> String {
    if number.isNaN { return "NaN" }
    if number.isInfinite { return number < 0 ? "-Inf" : "+Inf" }
    return "\(number)"
  }

  private static func escaped(_ value: String, quotes: Bool) -> String {
    var result = ""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\"" where quotes: result += "\\\""
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
