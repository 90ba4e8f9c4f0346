/// Reads dates and times as people write them in policies.
enum TimeText {
  /// `15:04`, `15:04:05`, `15:04:05.999`, `3:04 PM`, `3PM`: milliseconds after midnight.
  static func clock(_ text: String) -> Int64? {
    var text = Substring(text)
    var afternoon: Bool?
    if let last = text.last, last == "M" || last == "m" {
      text.removeLast()
      guard let half = text.popLast(), "AaPp".contains(half) else { return nil }
      afternoon = "Pp".contains(half)
      if text.last == " " { text.removeLast() }
    }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard (1...3).contains(parts.count), afternoon != nil || parts.count > 1 else { return nil }
    guard var hour = number(parts[0], digits: 1...2, below: 24) else { return nil }
    if let afternoon {
      guard (1...12).contains(hour), parts.count < 3 else { return nil }
      hour = hour % 12 + (afternoon ? 12 : 0)
    }
    guard let minute = parts.count > 1 ? number(parts[1], digits: 2...2, below: 60) : 0 else { return nil }
    guard let second = parts.count > 2 ? milliseconds(parts[2]) : 0 else { return nil }
    return (hour * 60 + minute) * 60_000 + second
  }

  /// `2026-02-03`, `2026-02-03T04:05:06`, with `Z` or `+02:00` behind the time; UTC where nothing is said (ISO 8601).
  static func date(_ text: String) -> UnixTime? {
    let parts = text.split(maxSplits: 1, omittingEmptySubsequences: false) { $0 == "T" || $0 == " " }
    let fields = parts[0].split(separator: "-", omittingEmptySubsequences: false)
    guard fields.count == 3, let year = number(fields[0], digits: 4...4, below: 10_000), year > 0,
      let month = number(fields[1], digits: 2...2, below: 13), month > 0,
      let day = number(fields[2], digits: 2...2, below: 32), day > 0
    else { return nil }
    let midnight = UnixTime(seconds: days(year, month, day) * 86_400)
    // The thirtieth of February is another day.
    guard CivilTime(midnight).day == day else { return nil }
    guard parts.count > 1 else { return midnight }
    var clockText = parts[1]
    var zone = TimeZoneRules.utc
    if let sign = clockText.firstIndex(where: { "Z+-".contains($0) }) {
      guard let rules = TimeZoneRules(fixed: String(clockText[sign...])) else { return nil }
      zone = rules
      clockText = clockText[..<sign]
    }
    guard let last = clockText.last, last.isASCII, last.isNumber, let clock = clock(String(clockText)) else {
      return nil
    }
    return midnight.adding(milliseconds: clock).adding(seconds: -zone.offset)
  }

  /// `*`, `mon,wed`, `tue-fri`, whole names too: one flag for each day, Monday first.
  static func weekdays(_ text: String) -> [Bool]? {
    if text == "*" { return [Bool](repeating: true, count: 7) }
    var days = [Bool](repeating: false, count: 7)
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { weekday($0) }
      guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1] else { return nil }
      // `fri-mon` runs over the week's end.
      var day = first
      days[day] = true
      while day != last {
        day = (day + 1) % 7
        days[day] = true
      }
    }
    return days
  }

  private static let names = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]

  private static func weekday(_ text: Substring) -> Int? {
    let name = text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed().map { $0.lowercased() }.joined()
    return names.firstIndex { $0 == name || $0.prefix(3) == name }
  }

  private static func number(_ text: Substring, digits: ClosedRange<Int>, below limit: Int64) -> Int64? {
    guard digits.contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let value = Int64(text), value < limit
    else { return nil }
    return value
  }

  /// Seconds with any fraction.
  private static func milliseconds(_ text: Substring) -> Int64? {
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard let seconds = number(parts[0], digits: 2...2, below: 60) else { return nil }
    guard parts.count > 1 else { return seconds * 1000 }
    let digits = parts[1].prefix(3)
    guard number(parts[1], digits: 1...9, below: .max) != nil, let fraction = Int64(digits) else { return nil }
    return seconds * 1000 + (0..<(3 - digits.count)).reduce(fraction) { value, _ in value * 10 }
  }

  /// Since 1970-01-01: Howard Hinnant's days_from_civil.
  private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    let year = month <= 2 ? year - 1 : year
    let era = year / 400
    let yearOfEra = year - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
  }
}

extension UnixTime {
  /// `2026-02-03` or `2026-02-03T04:05:06Z` (ISO 8601); UTC where no zone is written.
  package init?(iso8601 text: String) {
    guard let time = TimeText.date(text) else { return nil }
    self = time
  }
}
