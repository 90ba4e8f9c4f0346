/// For explanations and logs.
extension TimeWindow {
  /// `after 09:00 and before 17:30 in Europe/Zurich`
  var words: String {
    switch self {
    case .date(let after, let before):
      Self.bounds(after.map { CivilTime($0).text }, before.map { CivilTime($0).text })
    case .weekdays(let days, let zone):
      "is \(Self.names(days)) in \(zone.name)"
    case .timeOfDay(let after, let before, let zone):
      Self.bounds(after.map(Self.clock), before.map(Self.clock)) + " in \(zone.name)"
    }
  }

  /// A moment as this criterion sees it.
  func words(for time: UnixTime) -> String {
    switch self {
    case .date: return CivilTime(time).text
    case .weekdays(_, let zone), .timeOfDay(_, _, let zone):
      let local = CivilTime(time.adding(seconds: zone.offset(at: time).seconds))
      let weekday = TimeWindow.weekday(of: time, in: zone)
      return "\(Self.dayNames[weekday]) \(local.hourAndMinuteText)"
    }
  }

  private static let dayNames = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

  private static func names(_ days: [Bool]) -> String {
    zip(dayNames, days).filter(\.1).map(\.0).joined(separator: ",")
  }

  private static func bounds(_ after: String?, _ before: String?) -> String {
    [after.map { "after \($0)" }, before.map { "before \($0)" }].compactMap { $0 }.joined(separator: " and ")
  }

  private static func clock(_ milliseconds: Int64) -> String {
    let time = CivilTime(UnixTime(milliseconds: milliseconds))
    return time.second == 0 && time.millisecond == 0 ? time.hourAndMinuteText : time.clockText
  }
}
