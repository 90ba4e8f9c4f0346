/// Which fields of a list are passed on: one bit a field, so that a filter neither copies the list nor calls back.
package struct FieldMask: Sendable, Equatable {
  private var low: UInt64
  private var high: UInt64

  /// Every field of the list.
  package static let all = FieldMask(low: .max, high: .max)

  private init(low: UInt64, high: UInt64) {
    self.low = low
    self.high = high
  }

  /// Whether a field is passed on. Heads have at most 128 fields (`HeadLimits.fieldCount`); what lies beyond is not.
  package func contains(_ index: Int) -> Bool {
    if index < 64 { return low >> UInt64(truncatingIfNeeded: index) & 1 == 1 }
    return index < 128 && high >> UInt64(truncatingIfNeeded: index - 64) & 1 == 1
  }

  package mutating func remove(_ index: Int) {
    if index < 64 {
      low &= ~(1 << UInt64(truncatingIfNeeded: index))
    } else if index < 128 {
      high &= ~(1 << UInt64(truncatingIfNeeded: index - 64))
    }
  }
}
