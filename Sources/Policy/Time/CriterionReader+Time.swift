extension CriterionReader {
  mutating func date() -> CriterionTest? {
    var (after, before): (UnixTime?, UnixTime?)
    for part in window(["after", "before"], "`date: {after: 2026-01-31, before: 2026-02-28T18:00:00Z}`") {
      guard let time = TimeText.date(part.text) else {
        fail(
          part.node, "`\(part.text)` is no date",
          "as 2026-01-31, 2026-01-31T18:00:00 (UTC) or 2026-01-31T18:00:00+02:00")
        continue
      }
      if part.key == "after" { after = time } else { before = time }
    }
    if let after, let before, after >= before { warnNever("`after` is not before `before`") }
    return errors.isEmpty ? .time(.date(after: after, before: before)) : nil
  }

  mutating func timeOfDay() -> CriterionTest? {
    var (after, before): (Int64?, Int64?)
    var zone: TimeZoneRules?
    let form = "`time_of_day: {timezone: Europe/Zurich, after: \"9:00\", before: 5:30 PM}`"
    for part in window(["timezone", "after", "before"], form) {
      if part.key == "timezone" {
        zone = timeZone(part.text, part.node)
      } else if let time = TimeText.clock(part.text) {
        if part.key == "after" { after = time } else { before = time }
      } else {
        fail(part.node, "`\(part.text)` is no time of day", "as 15:04, 15:04:05, 3:04 PM or 3PM")
      }
    }
    guard errors.isEmpty else { return nil }
    guard let zone else {
      fail(entry.value, "`time_of_day` without `timezone`", "write \(form)")
      return nil
    }
    guard after != nil || before != nil else {
      fail(entry.value, "`time_of_day` without `after` and `before`", "write \(form)")
      return nil
    }
    if let after, let before, after >= before {
      warnNever("no time of a day is after the one and before the other; for a night write two criteria under `or:`")
    }
    return .time(.timeOfDay(after: after, before: before, zone))
  }

  /// `mon-fri`, in UTC; or with a place, as `{days: mon-fri, timezone: Europe/Zurich}`.
  mutating func dayOfWeek() -> CriterionTest? {
    if case .string(let text) = entry.value.value { return weekdays(text, entry.value, .utc) }
    var days: (text: String, node: PolicyNode)?
    var zone = TimeZoneRules.utc
    let form = "`day_of_week: mon-fri`, or `{days: mon-fri, timezone: Europe/Zurich}`"
    for part in window(["days", "timezone"], form) {
      if part.key == "days" {
        days = (part.text, part.node)
      } else if let named = timeZone(part.text, part.node) {
        zone = named
      }
    }
    guard errors.isEmpty else { return nil }
    guard let days else {
      fail(entry.value, "which days?", "write \(form)")
      return nil
    }
    return weekdays(days.text, days.node, zone)
  }

  private mutating func weekdays(_ text: String, _ node: PolicyNode, _ zone: TimeZoneRules) -> CriterionTest? {
    guard let days = TimeText.weekdays(text) else {
      fail(node, "`\(text)` names no days of the week", "as `mon,wed`, `tue-fri` or `*`")
      return nil
    }
    return .time(.weekdays(days, zone))
  }

  private mutating func timeZone(_ name: String, _ node: PolicyNode) -> TimeZoneRules? {
    if let rules = TimeZoneRules(fixed: name) ?? timeZones(name) { return rules }
    fail(
      node, "unknown time zone `\(name)`",
      "write a name of the IANA database as Europe/Zurich, UTC, or an offset as +02:00")
    return nil
  }

  /// The entries of an object with these keys, all of them texts.
  private mutating func window(
    _ keys: [String], _ form: String
  ) -> [(key: String, text: String, node: PolicyNode)] {
    guard case .object(let entries) = entry.value.value, !entries.isEmpty else {
      fail(entry.value, "expected an object, not \(entry.value.kind)", "write \(form)")
      return []
    }
    var found: [(key: String, text: String, node: PolicyNode)] = []
    for entry in entries {
      guard keys.contains(entry.key) else {
        let nearest = nearestName(to: entry.key, among: keys).map { "did you mean `\($0)`?" }
        fail(PolicyNode(.null, at: entry.keyPosition), "unknown operator `\(entry.key)`", nearest ?? "write \(form)")
        continue
      }
      guard case .string(let text) = entry.value.value else {
        fail(entry.value, "expected a text, not \(entry.value.kind)", "put it in quotes")
        continue
      }
      found.append((entry.key, text, entry.value))
    }
    return found
  }

  private mutating func warnNever(_ why: String) {
    warnings.append(
      PolicyError("`\(entry.key)` never holds: \(why)", at: entry.keyPosition, path: path, suggestion: nil))
  }
}
