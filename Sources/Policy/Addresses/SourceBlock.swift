/// Whom limits count as one: an address, or the block of addresses that one party has to itself.
package struct SourceBlock: Sendable, Hashable {
  private let high: UInt64
  private let low: UInt64

  package init(_ address: IPAddress, _ size: SourceBlockSize = SourceBlockSize()) {
    // An IPv4 address is kept as its mapped form, so its prefix begins at bit 96.
    let length = address.isIPv4 ? 96 + size.ipv4 : size.ipv6
    high = address.high & Self.mask(length)
    low = address.low & Self.mask(length - 64)
  }

  package var isIPv4: Bool { high == 0 && low >> 32 == 0xffff }

  private static func mask(_ bits: Int) -> UInt64 {
    if bits <= 0 { return 0 }
    return bits >= 64 ? .max : ~(UInt64.max >> UInt64(bits))
  }
}

/// Prefix lengths (`PerSourceNetBlockSize` of sshd_config). One customer of an IPv6 provider has a /64 at least.
package struct SourceBlockSize: Sendable, Hashable {
  package var ipv4 = 32
  package var ipv6 = 64

  package init(ipv4: Int = 32, ipv6: Int = 64) {
    self.ipv4 = ipv4
    self.ipv6 = ipv6
  }
}
