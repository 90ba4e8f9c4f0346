import PlainText
import Policy

/// Moments as people read them. Pages say UTC: the edge does not know the reader's zone.
enum PageTime {
  /// `21 Nov 2026, 14:05 UTC`
  static func text(_ time: UnixTime) -> String {
    let civil = CivilTime(time)
    return "\(civil.day) \(months[Int(civil.month) - 1]) \(civil.year), \(civil.hourAndMinuteText) UTC"
  }

  /// `2026-11-21T14:05:09Z`
  static func iso(_ time: UnixTime) -> String { CivilTime(time).text }

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
}
