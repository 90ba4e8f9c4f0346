import Glibc
import Policy

/// The system's time of day.
package enum SystemClock {
  package static func now() -> UnixTime {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return UnixTime(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
  }
}

/// Moments as people and programs read them in logs.
package enum Timestamp {
  /// `2026-02-03T04:05:06.789Z` (RFC 3339, UTC).
  package static func rfc3339(_ time: UnixTime) -> String {
    let parts = unsafe broken(time)
    return unsafe "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))T\(clock(parts, time))Z"
  }

  /// `04:05:06.789`, UTC.
  package static func clockTime(_ time: UnixTime) -> String { unsafe clock(broken(time), time) }

  private static func broken(_ time: UnixTime) -> tm {
    var seconds = time_t(time.seconds)
    var parts = unsafe tm()
    unsafe gmtime_r(&seconds, &parts)
    return unsafe parts
  }

  private static func clock(_ parts: tm, _ time: UnixTime) -> String {
    let milliseconds = Int32(time.milliseconds - time.seconds * 1000)
    let padded = milliseconds < 10 ? "00\(milliseconds)" : milliseconds < 100 ? "0\(milliseconds)" : "\(milliseconds)"
    return unsafe "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)).\(padded)"
  }

  private static func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
}
