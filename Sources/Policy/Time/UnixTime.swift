/// A moment, in milliseconds since 1970-01-01T00:00:00Z.
package struct UnixTime: Sendable, Hashable, Comparable {
  package var milliseconds: Int64

  package init(milliseconds: Int64) { self.milliseconds = milliseconds }
  package init(seconds: Int64) {
    let product = seconds.multipliedReportingOverflow(by: 1000)
    milliseconds = product.overflow ? (seconds < 0 ? .min : .max) : product.partialValue
  }

  /// Whole seconds, rounded down.
  package var seconds: Int64 {
    let (quotient, remainder) = milliseconds.quotientAndRemainder(dividingBy: 1000)
    return remainder < 0 ? quotient - 1 : quotient
  }

  package static func < (left: UnixTime, right: UnixTime) -> Bool { left.milliseconds < right.milliseconds }

  /// This moment moved by a number of seconds; saturates.
  package func adding(seconds: Int64) -> UnixTime {
    let (sum, overflow) = milliseconds.addingReportingOverflow(UnixTime(seconds: seconds).milliseconds)
    return UnixTime(milliseconds: overflow ? (seconds < 0 ? .min : .max) : sum)
  }

  package func adding(milliseconds added: Int64) -> UnixTime {
    let (sum, overflow) = milliseconds.addingReportingOverflow(added)
    return UnixTime(milliseconds: overflow ? (added < 0 ? .min : .max) : sum)
  }
}

/// Where the time comes from; tests pass their own.
package typealias UnixClock = @Sendable () -> UnixTime
