/// A moment as calendar and clock show it, in UTC (the proleptic Gregorian calendar). Moments before the year 1 or after
/// 9999 are shown as the nearest within.
package struct CivilTime: Sendable, Hashable {
  package var year: Int64
  /// 1 to 12.
  package var month: Int64
  /// 1 to 31.
  package var day: Int64
  package var hour: Int64
  package var minute: Int64
  package var second: Int64
  package var millisecond: Int64

  package init(_ time: UnixTime) {
    let milliseconds = min(max(time.milliseconds, Self.first), Self.last)
    let (quotient, remainder) = milliseconds.quotientAndRemainder(dividingBy: Self.perDay)
    let days = remainder < 0 ? quotient - 1 : quotient
    let within = milliseconds - days * Self.perDay

    // Howard Hinnant's civil_from_days: years begin in March, so that the leap day is the last of its year.
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)

    hour = within / 3_600_000
    minute = within / 60_000 % 60
    second = within / 1000 % 60
    millisecond = within % 1000
  }

  private static let perDay: Int64 = 86_400_000
  private static let first: Int64 = -62_135_596_800_000
  private static let last: Int64 = 253_402_300_799_999

  /// `2026-02-03`
  package var dateText: String { "\(Self.padded(year, 4))-\(Self.padded(month, 2))-\(Self.padded(day, 2))" }

  /// `04:05`
  package var hourAndMinuteText: String { "\(Self.padded(hour, 2)):\(Self.padded(minute, 2))" }

  /// `2026-02-03T04:05:06Z` (RFC 3339)
  package var text: String { "\(dateText)T\(hourAndMinuteText):\(Self.padded(second, 2))Z" }

  /// `2026-02-03T04:05:06.789Z` (RFC 3339)
  package var preciseText: String { "\(dateText)T\(clockText)Z" }

  /// `04:05:06.789`
  package var clockText: String {
    "\(hourAndMinuteText):\(Self.padded(second, 2)).\(Self.padded(millisecond, 3))"
  }

  private static func padded(_ value: Int64, _ width: Int) -> String {
    let digits = String(value)
    return digits.utf8.count < width ? String(repeating: "0", count: width - digits.utf8.count) + digits : digits
  }
}
