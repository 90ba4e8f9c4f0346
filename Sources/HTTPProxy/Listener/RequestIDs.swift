import EdgeCrypto

/// Names for requests, in the form of a random UUID. They join log lines and are no secret, so a fast generator does.
struct RequestIDs {
  private var state: UInt64
  private let salt: UInt64

  init() {
    let seed = SecureRandom.bytes(16)
    state = seed.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    salt = seed.suffix(8).reduce(0) { $0 << 8 | UInt64($1) }
  }

  mutating func next() -> String {
    let high = step() & 0xFFFF_FFFF_FFFF_0FFF | 0x4000
    let low = (step() ^ salt) & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
    var text: [UInt8] = []
    text.reserveCapacity(36)
    for shift in stride(from: 60, through: 0, by: -4) {
      Self.append(high, shift, &text)
      if shift == 32 || shift == 16 { text.append(0x2D) }
    }
    text.append(0x2D)
    for shift in stride(from: 60, through: 0, by: -4) {
      Self.append(low, shift, &text)
      if shift == 48 { text.append(0x2D) }
    }
    return String(decoding: text, as: UTF8.self)
  }

  private static func append(_ value: UInt64, _ shift: Int, _ text: inout [UInt8]) {
    let digit = UInt8(truncatingIfNeeded: value >> UInt64(truncatingIfNeeded: shift) & 15)
    text.append(digit < 10 ? 0x30 + digit : 0x57 + digit)
  }

  /// SplitMix64.
  private mutating func step() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
