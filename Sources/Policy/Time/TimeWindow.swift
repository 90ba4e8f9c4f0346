/// When something is permitted: the criteria `date`, `day_of_week` and `time_of_day`.
enum TimeWindow: Sendable, Equatable {
  /// From `after` on, until `before`.
  case date(after: UnixTime?, before: UnixTime?)
  /// Weekdays, Monday first, in a place.
  case weekdays([Bool], TimeZoneRules)
  /// Milliseconds after midnight, in a place: from `after` on, until `before`.
  case timeOfDay(after: Int64?, before: Int64?, TimeZoneRules)

  static let day: Int64 = 86_400_000

  func contains(_ time: UnixTime) -> Bool {
    switch self {
    case .date(let after, let before):
      return after.map { $0 <= time } ?? true && before.map { time < $0 } ?? true
    case .weekdays(let days, let zone):
      let weekday = Self.weekday(of: time, in: zone)
      return days.indices.contains(weekday) && days[weekday]
    case .timeOfDay(let after, let before, let zone):
      let clock = LocalMoment(time, zone).clock
      return after.map { $0 <= clock } ?? true && before.map { clock < $0 } ?? true
    }
  }

  /// 0 for Monday to 6 for Sunday.
  static func weekday(of time: UnixTime, in zone: TimeZoneRules) -> Int {
    // The first of January 1970 was a Thursday.
    let number = LocalMoment(time, zone).day + 3
    return Int(number - number.rounding(downTo: 7))
  }

  /// The first moment after `time` at which the answer may be another one: to be asked again then.
  func nextChange(after time: UnixTime) -> UnixTime? {
    switch self {
    case .date(let after, let before):
      return [after, before].compactMap { $0 }.filter { $0 > time }.min()
    case .weekdays(_, let zone):
      return LocalMoment(time, zone).next(at: [0])
    case .timeOfDay(let after, let before, let zone):
      // Midnight belongs to it: what begins in the morning ends then.
      return LocalMoment(time, zone).next(at: [0] + [after, before].compactMap { $0 })
    }
  }
}

/// A moment as clocks of a place show it.
private struct LocalMoment {
  let time: UnixTime
  /// Since 1970-01-01.
  let day: Int64
  /// Milliseconds after midnight.
  let clock: Int64
  /// When the clocks of the place are set anew.
  let offsetEnds: UnixTime?

  init(_ time: UnixTime, _ zone: TimeZoneRules) {
    let (offset, until) = zone.offset(at: time)
    let local = time.adding(seconds: offset).milliseconds
    let midnight = local.rounding(downTo: TimeWindow.day)
    self.time = time
    day = midnight / TimeWindow.day
    clock = local - midnight
    offsetEnds = until
  }

  /// When these clocks show one of these times next, or are set anew.
  func next(at times: [Int64]) -> UnixTime? {
    let waits = times.map { $0 > clock ? $0 - clock : $0 - clock + TimeWindow.day }
    let next = waits.min().map { time.adding(milliseconds: $0) }
    return [next, offsetEnds].compactMap { $0 }.min()
  }
}

extension Int64 {
  /// The multiple of `step` at or below; also for negative numbers.
  fileprivate func rounding(downTo step: Int64) -> Int64 {
    let remainder = self % step
    let (down, overflow) = subtractingReportingOverflow(remainder < 0 ? remainder + step : remainder)
    return overflow ? self - remainder : down
  }
}
