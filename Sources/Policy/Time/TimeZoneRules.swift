/// How far the clocks of a place are from UTC, and when that changes.
package struct TimeZoneRules: Sendable, Equatable {
  /// From this moment on, until the next change.
  package struct Change: Sendable, Equatable {
    package var from: UnixTime
    /// Seconds east of UTC.
    package var offset: Int64

    package init(from: UnixTime, offset: Int64) {
      self.from = from
      self.offset = offset
    }
  }

  /// As written: `Europe/Zurich`, `UTC`, `+02:00`.
  package var name: String
  /// Before the first change.
  var offset: Int64
  var changes: [Change]

  /// - Parameters:
  ///   - offset: seconds east of UTC until the first change.
  ///   - changes: in order.
  package init(name: String, offset: Int64, changes: [Change] = []) {
    self.name = name
    self.offset = offset
    self.changes = changes
  }

  package static let utc = TimeZoneRules(name: "UTC", offset: 0)

  /// `UTC`, `Z`, or an offset as `+02:00`; every other name needs somebody who knows the world's zones.
  package init?(fixed text: String) {
    if ["UTC", "Z", "Etc/UTC", "GMT"].contains(text) {
      self = TimeZoneRules(name: text, offset: 0)
      return
    }
    guard let sign = text.first, sign == "+" || sign == "-", text.utf8.count == 6,
      let time = TimeText.clock(String(text.dropFirst()))
    else { return nil }
    self = TimeZoneRules(name: text, offset: (sign == "-" ? -1 : 1) * time / 1000)
  }

  /// Seconds east of UTC at a moment, and until when that holds.
  func offset(at time: UnixTime) -> (seconds: Int64, until: UnixTime?) {
    // Few changes a year, and asked for rarely: the last one that is not after the moment, by halves.
    var (low, high) = (0, changes.count)
    while low < high {
      let middle = (low + high) / 2
      if changes[middle].from <= time { low = middle + 1 } else { high = middle }
    }
    let until = low < changes.count ? changes[low].from : nil
    return (low == 0 ? offset : changes[low - 1].offset, until)
  }
}

/// Knows zones by their names in the IANA database.
package typealias TimeZoneSource = @Sendable (String) -> TimeZoneRules?
