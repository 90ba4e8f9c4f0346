import Policy

/// A moment as people read it, to the minute, in UTC: `2026-11-21 13:45 UTC`.
struct CalendarTime: CustomStringConvertible {
  let description: String

  init(_ time: UnixTime) {
    // Howard Hinnant's civil_from_days; years up to 9999.
    let seconds = min(max(time.seconds, 0), 253_402_300_799)
    let days = seconds / 86_400 + 719_468
    let era = days / 146_097
    let dayOfEra = days % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * shifted + 2) / 5 + 1
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    let minutes = seconds / 60
    description =
      "\(year)-\(Self.two(month))-\(Self.two(day)) \(Self.two(minutes / 60 % 24)):\(Self.two(minutes % 60)) UTC"
  }

  private static func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
}
