import EdgeCrypto
import NIOCore

/// The name of a request: joins log lines, and is told to the service. In the form of a random UUID; no secret.
struct RequestID {
  fileprivate let high: UInt64
  fileprivate let low: UInt64

  /// Its 36 characters, a few at a time: made for every request, so no String and no loop over digits.
  func write(into buffer: inout ByteBuffer) {
    buffer.writeInteger(Self.digits(UInt32(truncatingIfNeeded: high >> 32)))
    let middle = Self.digits(UInt32(truncatingIfNeeded: high))
    buffer.writeInteger(Self.hyphen)
    buffer.writeInteger(UInt32(truncatingIfNeeded: middle >> 32))
    buffer.writeInteger(Self.hyphen)
    buffer.writeInteger(UInt32(truncatingIfNeeded: middle))
    let third = Self.digits(UInt32(truncatingIfNeeded: low >> 32))
    buffer.writeInteger(Self.hyphen)
    buffer.writeInteger(UInt32(truncatingIfNeeded: third >> 32))
    buffer.writeInteger(Self.hyphen)
    buffer.writeInteger(UInt32(truncatingIfNeeded: third))
    buffer.writeInteger(Self.digits(UInt32(truncatingIfNeeded: low)))
  }

  var text: String {
    var buffer = ByteBuffer()
    write(into: &buffer)
    return String(buffer: buffer)
  }

  private static let hyphen: UInt8 = 0x2D

  /// Eight hexadecimal digits as the eight bytes of a number: each half byte is spread to a byte of its own, and those
  /// beyond nine are moved on to the letters.
  private static func digits(_ value: UInt32) -> UInt64 {
    var spread = UInt64(value)
    spread = (spread & 0xFFFF_0000) << 16 | spread & 0xFFFF
    spread = (spread & 0x0000_FF00_0000_FF00) << 8 | spread & 0x0000_00FF_0000_00FF
    spread = (spread & 0x00F0_00F0_00F0_00F0) << 4 | spread & 0x000F_000F_000F_000F
    let letters = (spread &+ 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
    return spread &+ 0x3030_3030_3030_3030 &+ letters &* 0x27
  }
}

/// Makes request names. They need not be unpredictable, so a fast generator does.
struct RequestIDs {
  private var state: UInt64
  private let salt: UInt64

  init() {
    let seed = SecureRandom.bytes(16)
    state = seed.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    salt = seed.suffix(8).reduce(0) { $0 << 8 | UInt64($1) }
  }

  mutating func next() -> RequestID {
    // Version 4, variant 1 (RFC 9562).
    RequestID(
      high: step() & 0xFFFF_FFFF_FFFF_0FFF | 0x4000,
      low: (step() ^ salt) & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000)
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
