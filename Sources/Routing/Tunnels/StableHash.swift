/// FNV-1a, 64 bits: the same in every process and run, so that a choice made with it lasts.
struct StableHash {
  private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

  init(_ parts: String...) {
    for part in parts {
      for byte in part.utf8 { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
      // No two lists of parts read alike: 0xFF is no byte of UTF-8.
      value = (value ^ 0xFF) &* 0x100_0000_01B3
    }
  }

  /// Both together, well mixed (the finalizer of SplitMix64).
  static func mixed(_ left: UInt64, _ right: UInt64) -> UInt64 {
    var z = left ^ (right &* 0x9E37_79B9_7F4A_7C15)
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
