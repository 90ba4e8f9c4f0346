/// An IP address or a CIDR block, both families in one form: an IPv4 address is kept as its IPv4-mapped IPv6 form.
package struct AddressRange: Sendable, Hashable {
  private var high: UInt64
  private var low: UInt64
  private var prefixLength: Int

  /// `10.0.0.0/8`, `192.0.2.7`, `2001:db8::/32`, `::1`. Bits beyond the prefix are ignored.
  package init?(_ text: String) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let first = parts.first, let address = IPAddress(String(first)) else { return nil }
    var length = 128
    if parts.count == 2 {
      // `::ffff:10.0.0.0/104` counts as it is written.
      let isDotted = !first.contains(":")
      guard let written = decimal(parts[1].utf8, upTo: isDotted ? 32 : 128) else { return nil }
      length = isDotted ? written + 96 : written
    }
    prefixLength = length
    high = address.high & Self.mask(length)
    low = address.low & Self.mask(length - 64)
  }

  /// As it would be written: `10.0.0.0/8`, `192.0.2.7`, `2001:db8:0:0:0:0:0:0/32`.
  var description: String {
    guard high == 0, low >> 32 == 0xffff, prefixLength >= 96 else {
      let groups = [high, low].flatMap { half in
        [48, 32, 16, 0].map { String(half >> UInt64($0) & 0xffff, radix: 16) }
      }
      return groups.joined(separator: ":") + (prefixLength == 128 ? "" : "/\(prefixLength)")
    }
    let octets = [24, 16, 8, 0].map { String(low >> UInt64($0) & 0xff) }
    return octets.joined(separator: ".") + (prefixLength == 128 ? "" : "/\(prefixLength - 96)")
  }

  package func contains(_ address: IPAddress) -> Bool {
    address.high & Self.mask(prefixLength) == high && address.low & Self.mask(prefixLength - 64) == low
  }

  /// The upper `bits` bits set; none when negative, all from 64 on.
  private static func mask(_ bits: Int) -> UInt64 {
    if bits <= 0 { return 0 }
    return bits >= 64 ? .max : ~(UInt64.max >> UInt64(bits))
  }
}

/// An IPv4 or IPv6 address, read strictly. An IPv4-mapped IPv6 address is the IPv4 address.
package struct IPAddress: Sendable, Hashable {
  package let high: UInt64
  package let low: UInt64

  /// Whether it is an IPv4 address (also when written as `::ffff:192.0.2.1`).
  package var isIPv4: Bool { high == 0 && low >> 32 == 0xffff }

  /// 127.0.0.0/8 or ::1.
  package var isLoopback: Bool { isIPv4 ? (low >> 24) & 0xff == 127 : high == 0 && low == 1 }

  /// A zone (`%eth0`) is dropped.
  package init?(_ text: String) {
    let bytes = text.utf8.prefix(80).prefix { $0 != UInt8(ascii: "%") }
    if bytes.contains(UInt8(ascii: ":")) {
      guard let groups = Self.ipv6Groups(Array(bytes)[...]) else { return nil }
      high = groups[0..<4].reduce(0) { $0 << 16 | UInt64($1) }
      low = groups[4..<8].reduce(0) { $0 << 16 | UInt64($1) }
    } else {
      guard let value = Self.ipv4(bytes) else { return nil }
      high = 0
      low = 0xffff_0000_0000 | UInt64(value)
    }
  }

  /// Four numbers up to 255 without leading zeros. Read for every request, so in one pass without copies.
  private static func ipv4(_ bytes: some Sequence<UInt8>) -> UInt32? {
    var value: UInt32 = 0
    var (octet, digits, dots): (UInt32, Int, Int) = (0, 0, 0)
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "."):
        guard digits > 0, dots < 3 else { return nil }
        value = value << 8 | octet
        (octet, digits, dots) = (0, 0, dots + 1)
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        guard digits < 3, digits == 0 || octet > 0 else { return nil }
        octet = octet * 10 + UInt32(byte - UInt8(ascii: "0"))
        digits += 1
        guard octet <= 255 else { return nil }
      default: return nil
      }
    }
    return dots == 3 && digits > 0 ? value << 8 | octet : nil
  }

  /// Eight groups, or nil.
  private static func ipv6Groups(_ bytes: ArraySlice<UInt8>) -> [UInt16]? {
    let colon = UInt8(ascii: ":")
    guard let gap = bytes.indices.dropLast().first(where: { bytes[$0] == colon && bytes[$0 + 1] == colon }) else {
      guard let groups = colonGroups(bytes, endsAddress: true), groups.count == 8 else { return nil }
      return groups
    }
    let before = bytes[..<gap]
    let after = bytes[(gap + 2)...]
    guard let left = before.isEmpty ? [] : colonGroups(before, endsAddress: false),
      let right = after.isEmpty ? [] : colonGroups(after, endsAddress: true), left.count + right.count <= 7
    else { return nil }
    return left + [UInt16](repeating: 0, count: 8 - left.count - right.count) + right
  }

  /// Groups of up to four hex digits; the last may be a dotted IPv4 address.
  private static func colonGroups(_ bytes: ArraySlice<UInt8>, endsAddress: Bool) -> [UInt16]? {
    let parts = bytes.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
    guard parts.count <= 8 else { return nil }
    var groups: [UInt16] = []
    for (index, part) in parts.enumerated() {
      if endsAddress, index == parts.count - 1, part.contains(UInt8(ascii: ".")) {
        guard let value = ipv4(part) else { return nil }
        groups += [UInt16(value >> 16), UInt16(value & 0xffff)]
        continue
      }
      guard (1...4).contains(part.count) else { return nil }
      var group: UInt16 = 0
      for byte in part {
        guard let digit = hexDigit(byte) else { return nil }
        group = group << 4 | UInt16(digit)
      }
      groups.append(group)
    }
    return groups
  }
}

/// Digits only, without leading zeros.
private func decimal(_ digits: some Collection<UInt8>, upTo limit: Int) -> Int? {
  guard (1...3).contains(digits.count), digits.count == 1 || digits.first != UInt8(ascii: "0") else { return nil }
  var value = 0
  for byte in digits {
    guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
    value = value * 10 + Int(byte - UInt8(ascii: "0"))
  }
  return value <= limit ? value : nil
}

private func hexDigit(_ byte: UInt8) -> UInt8? {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
  case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
  default: nil
  }
}
