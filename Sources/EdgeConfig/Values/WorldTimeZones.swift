import Foundation
internal import Policy

/// The time zones of the world, as the IANA database has them.
enum WorldTimeZones {
  /// Policies are decided often and zones change rarely: everything until then is looked up once, when a policy is read.
  private static let end: Double = 4_102_444_800  // 2100-01-01T00:00:00Z

  /// - Parameter name: `Europe/Zurich`; abbreviations as `CEST` are understood by nobody in the same way.
  static func rules(_ name: String) -> TimeZoneRules? {
    guard name.contains("/"), let zone = TimeZone(identifier: name) else { return nil }
    var changes: [TimeZoneRules.Change] = []
    // Changes before this year are nothing to a policy, but dates of the past may be asked about in tests and explanations.
    let begin = Date(timeIntervalSince1970: 1_577_836_800)  // 2020-01-01T00:00:00Z
    var moment = begin
    while let next = zone.nextDaylightSavingTimeTransition(after: moment), next > moment,
      next.timeIntervalSince1970 < end
    {
      moment = next
      changes.append(
        TimeZoneRules.Change(
          from: UnixTime(seconds: Int64(next.timeIntervalSince1970)), offset: Int64(zone.secondsFromGMT(for: next))))
    }
    return TimeZoneRules(name: name, offset: Int64(zone.secondsFromGMT(for: begin)), changes: changes)
  }
}
