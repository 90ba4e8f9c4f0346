import Policy

/// A client's address, so written that the same client is always written alike.
struct SourceAddress: Sendable, Hashable, CustomStringConvertible {
  private enum Form: Hashable {
    case v4(UInt32)
    case v6(high: UInt64, low: UInt64)
    case other(String)
  }

  private let form: Form

  init(_ text: String) {
    guard let address = IPAddress(text) else {
      form = .other(text)
      return
    }
    // ::ffff:a.b.c.d is how a dual-stack socket shows an IPv4 client.
    form =
      address.isIPv4
      ? .v4(UInt32(truncatingIfNeeded: address.low)) : .v6(high: address.high, low: address.low)
  }

  /// Whom limits count as one: an IPv4 address, or the /48 that one customer gets.
  var limitGroup: SourceAddress {
    guard case .v6(let high, _) = form else { return self }
    return SourceAddress(form: .v6(high: high & ~0xffff, low: 0))
  }

  /// Whether both may be one machine: equal, or both of this machine.
  func isSameClient(as other: SourceAddress) -> Bool { self == other || (isLoopback && other.isLoopback) }

  var description: String {
    switch form {
    case .v4(let bits):
      stride(from: 24, through: 0, by: -8).map { String(bits >> UInt32($0) & 0xff) }.joined(separator: ".")
    case .v6(let high, let low): Self.text(Self.groups(high) + Self.groups(low))
    case .other(let text): text
    }
  }

  private init(form: Form) { self.form = form }

  private var isLoopback: Bool {
    switch form {
    case .v4(let bits): bits >> 24 == 127
    case .v6(let high, let low): high == 0 && low == 1
    case .other: false
    }
  }

  private static func groups(_ bits: UInt64) -> [UInt64] {
    stride(from: 48, through: 0, by: -16).map { bits >> UInt64($0) & 0xffff }
  }

  /// RFC 5952: the longest run of zeros, of two groups at least, becomes `::`.
  private static func text(_ groups: [UInt64]) -> String {
    var longest = 0..<0
    var start = 0
    while start < groups.count {
      let end = groups[start...].firstIndex { $0 != 0 } ?? groups.count
      if end - start > max(longest.count, 1) { longest = start..<end }
      start = max(end, start) + 1
    }
    func joined(_ part: ArraySlice<UInt64>) -> String { part.map { String($0, radix: 16) }.joined(separator: ":") }
    guard !longest.isEmpty else { return joined(groups[...]) }
    return joined(groups[..<longest.lowerBound]) + "::" + joined(groups[longest.upperBound...])
  }
}
