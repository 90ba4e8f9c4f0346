import Policy

/// Numbers as they are read at a glance.
enum ShortText {
  /// `999 B`, `14 kB`, `1.2 MB`: at most seven signs.
  static func bytes(_ count: UInt64) -> String {
    if count < 1000 { return "\(count) B" }
    var value = Double(count)
    for unit in ["kB", "MB", "GB", "TB", "PB", "EB"] {
      value /= 1000
      if value < 9.95 { return "\(tenths(value)) \(unit)" }
      if value < 999.5 { return "\(Int(value.rounded())) \(unit)" }
    }
    return "\(Int(value.rounded())) EB"
  }

  /// `12 ms`, `1.2 s`, `1:22`, `2:03:10`, `5 d`: at most seven signs.
  static func duration(_ milliseconds: Int64) -> String {
    let milliseconds = max(milliseconds, 0)
    if milliseconds < 1000 { return "\(milliseconds) ms" }
    if milliseconds < 9950 { return "\(tenths(Double(milliseconds) / 1000)) s" }
    let seconds = milliseconds / 1000
    if seconds < 60 { return "\(seconds) s" }
    if seconds < 3600 { return "\(seconds / 60):\(twoDigits(seconds % 60))" }
    if seconds < 100 * 3600 {
      return "\(seconds / 3600):\(twoDigits(seconds / 60 % 60)):\(twoDigits(seconds % 60))"
    }
    return "\(seconds / 86_400) d"
  }

  /// `13:45:12`, in UTC.
  static func clock(_ time: UnixTime) -> String {
    let civil = CivilTime(time)
    return "\(civil.hourAndMinuteText):\(twoDigits(civil.second))"
  }

  /// `1,234,567`
  static func count(_ value: UInt64) -> String {
    let digits = Array(String(value))
    var result = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { result += "," }
      result.append(digit)
    }
    return result
  }

  private static func tenths(_ value: Double) -> String {
    let tenths = Int((value * 10).rounded())
    return "\(tenths / 10).\(tenths % 10)"
  }

  private static func twoDigits(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
}
