import Policy

/// A moment as people read it, to the minute, in UTC: `2026-11-21 13:45 UTC`.
struct CalendarTime: CustomStringConvertible {
  let description: String

  init(_ time: UnixTime) {
    let civil = CivilTime(time)
    description = "\(civil.dateText) \(civil.hourAndMinuteText) UTC"
  }
}
