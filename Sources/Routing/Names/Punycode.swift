/// The ASCII form of one label of an internationalised name (RFC 3492), without the `xn--` prefix.
enum Punycode {
  private static let base: UInt32 = 36
  private static let smallestThreshold: UInt32 = 1
  private static let largestThreshold: UInt32 = 26

  /// `nil` when the label is too long to have an ASCII form.
  static func encode(_ label: some Sequence<Unicode.Scalar>) -> String? {
    let scalars = Array(label.prefix(64))
    guard scalars.count <= 63 else { return nil }
    var output = scalars.filter(\.isASCII).map(Character.init)
    let basicCount = UInt32(output.count)
    var handled = basicCount
    if basicCount > 0 { output.append("-") }
    var codePoint: UInt32 = 128
    var delta: UInt32 = 0
    var bias: UInt32 = 72
    while handled < UInt32(scalars.count) {
      guard let next = scalars.map(\.value).filter({ $0 >= codePoint }).min() else { return nil }
      let (step, stepOverflow) = (next - codePoint).multipliedReportingOverflow(by: handled + 1)
      let (sum, sumOverflow) = delta.addingReportingOverflow(step)
      guard !stepOverflow, !sumOverflow else { return nil }
      delta = sum
      codePoint = next
      for scalar in scalars {
        if scalar.value < codePoint {
          guard delta < .max else { return nil }
          delta += 1
        }
        guard scalar.value == codePoint else { continue }
        var rest = delta
        var position = base
        while true {
          let threshold =
            position <= bias ? smallestThreshold : min(max(position - bias, smallestThreshold), largestThreshold)
          if rest < threshold { break }
          output.append(digit(threshold + (rest - threshold) % (base - threshold)))
          rest = (rest - threshold) / (base - threshold)
          position += base
        }
        output.append(digit(rest))
        bias = adapt(delta, count: handled + 1, isFirst: handled == basicCount)
        delta = 0
        handled += 1
      }
      guard delta < .max, codePoint < .max else { return nil }
      delta += 1
      codePoint += 1
    }
    return output.count <= 59 ? String(output) : nil
  }

  private static func digit(_ value: UInt32) -> Character {
    let ascii = value < 26 ? 97 + value : 22 + value
    return Character(Unicode.Scalar(UInt8(truncatingIfNeeded: ascii)))
  }

  /// RFC 3492 section 6.1.
  private static func adapt(_ delta: UInt32, count: UInt32, isFirst: Bool) -> UInt32 {
    var delta = isFirst ? delta / 700 : delta / 2
    delta += delta / count
    var steps: UInt32 = 0
    while delta > ((base - smallestThreshold) * largestThreshold) / 2 {
      delta /= base - smallestThreshold
      steps += base
    }
    return steps + (36 * delta) / (delta + 38)
  }
}
