/// How much may be asked of a route. What is not limited costs nothing.
package struct RequestLimits: Sendable, Hashable {
  /// The largest request body in bytes; 0 is any size.
  package var bodyBytes: UInt64 = 0
  /// Of one visitor: a person where signed in, an address otherwise.
  package var visitor = RequestAllowance()
  /// Of all visitors together.
  package var route = RequestAllowance()

  package init() {}
}

package struct RequestAllowance: Sendable, Hashable {
  /// How fast requests may come; none is any.
  package var rate: RequestRate?
  /// How many may be under way; 0 is any number.
  package var concurrent = 0

  package init() {}

  package var isUnlimited: Bool { rate == nil && concurrent == 0 }
}

/// So many a second for ever, and so many at once after a pause.
package struct RequestRate: Sendable, Hashable {
  /// Nanoseconds that one request costs.
  package var price: UInt64
  /// How many at once.
  package var burst: Int

  /// `count` in each `period` of nanoseconds.
  package init(count: Int, period: UInt64, burst: Int) {
    price = max(period / UInt64(max(count, 1)), 1)
    self.burst = max(burst, 1)
  }

  /// Nanoseconds that may be spent ahead of time.
  package var credit: UInt64 {
    let (product, overflow) = price.multipliedReportingOverflow(by: UInt64(burst - 1))
    return overflow ? Self.longest : min(product, Self.longest)
  }

  /// A day, in nanoseconds.
  private static let longest: UInt64 = 86_400_000_000_000
}
