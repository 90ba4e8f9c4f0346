internal import COpenSSL

/// Where random bytes come from; injected, so that tests can repeat themselves.
package typealias RandomSource = @Sendable (Int) -> [UInt8]

/// OpenSSL's random generator.
package enum SecureRandom {
  package static let source: RandomSource = { bytes($0) }

  package static func bytes(_ count: Int) -> [UInt8] {
    unsafe [UInt8](unsafeUninitializedCapacity: max(count, 0)) { buffer, initialized in
      unsafe fill(UnsafeMutableRawBufferPointer(buffer))
      initialized = max(count, 0)
    }
  }

  package static func fill(_ region: UnsafeMutableRawBufferPointer) {
    guard let base = region.baseAddress, region.count > 0 else { return }
    guard unsafe RAND_bytes(base.assumingMemoryBound(to: UInt8.self), Int32(clamping: region.count)) == 1 else {
      fatalError("The system has no randomness to give; nothing safe can go on.")
    }
  }

  /// An unguessable name of `bytes` random bytes in base64url.
  package static func token(bytes count: Int = 16) -> String { Base64.encodeURL(bytes(count)) }
}

/// Random bytes in small portions without a call per portion: padding of SSH packets. One per connection.
package struct RandomPool: ~Copyable {
  private static let blockLength = 256

  private var block: [UInt8] = []
  private var used = 0

  package init() {}

  package mutating func byte() -> UInt8 {
    if used == block.count {
      block = SecureRandom.bytes(Self.blockLength)
      used = 0
    }
    let value = block[used]
    block[used] = 0
    used += 1
    return value
  }

  package mutating func fill(_ region: UnsafeMutableRawBufferPointer) {
    for index in 0..<region.count { unsafe region[index] = byte() }
  }

  package mutating func fill(_ region: inout MutableRawSpan) {
    unsafe region.withUnsafeMutableBytes { unsafe fill($0) }
  }
}
