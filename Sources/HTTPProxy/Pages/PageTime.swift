import Policy

/// Moments as people read them. Pages say UTC: the edge does not know the reader's zone.
enum PageTime {
  /// `21 Nov 2026, 14:05 UTC`
  static func text(_ time: UnixTime) -> String {
    let (year, month, day) = date(time)
    let seconds = time.seconds - floorDivide(time.seconds, 86400) * 86400
    return "\(day) \(months[Int(month) - 1]) \(year), \(two(seconds / 3600)):\(two(seconds / 60 % 60)) UTC"
  }

  /// `2026-11-21T14:05:09Z`
  static func iso(_ time: UnixTime) -> String {
    let (year, month, day) = date(time)
    let seconds = time.seconds - floorDivide(time.seconds, 86400) * 86400
    return "\(year)-\(two(month))-\(two(day))T\(two(seconds / 3600)):\(two(seconds / 60 % 60)):\(two(seconds % 60))Z"
  }

  /// How long something lasts, in words: `14 minutes`.
  static func duration(seconds: Int64) -> String {
    let seconds = max(0, seconds)
    func words(_ count: Int64, _ unit: String) -> String { "\(count) \(unit)\(count == 1 ? "" : "s")" }
    if seconds < 90 { return words(seconds, "second") }
    if seconds < 90 * 60 { return words((seconds + 30) / 60, "minute") }
    if seconds < 36 * 3600 { return words((seconds + 1800) / 3600, "hour") }
    return words((seconds + 43200) / 86400, "day")
  }

  /// A moment with how far it is away, as an element.
  static func element(_ time: UnixTime, now: UnixTime) -> HTML {
    let distance = time.seconds - now.seconds
    let away = distance >= 0 ? "in \(duration(seconds: distance))" : "\(duration(seconds: -distance)) ago"
    return
      "<time datetime=\"\(iso(time))\">\(text(time))</time> <small>\(abs(distance) < 2 ? "just now" : away)</small>"
  }

  private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

  private static func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }

  private static func floorDivide(_ value: Int64, _ by: Int64) -> Int64 {
    value >= 0 ? value / by : -((-value + by - 1) / by)
  }

  /// The proleptic Gregorian date of a moment. Moments beyond the year 9999 are shown as its last day.
  private static func date(_ time: UnixTime) -> (year: Int64, month: Int64, day: Int64) {
    let days = min(max(floorDivide(time.seconds, 86400), -719_162), 2_932_896) + 719_468
    let era = floorDivide(days, 146_097)
    let dayOfEra = days - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * shifted + 2) / 5 + 1
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
  }
}
