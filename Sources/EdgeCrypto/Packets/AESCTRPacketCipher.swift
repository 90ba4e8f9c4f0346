internal import COpenSSL

/// aes128-ctr, aes192-ctr and aes256-ctr (RFC 4344) with hmac-sha2-256 or -512 (RFC 6668), plain or encrypt-then-MAC.
///
/// The key stream runs on from packet to packet. One object is one direction between two key exchanges, for one thread.
@safe package final class AESCTRPacketCipher {
  package enum MAC: Sendable, Hashable {
    case hmacSHA256
    case hmacSHA512

    package var keyLength: Int { digest.byteCount }
    package var tagLength: Int { digest.byteCount }

    var digest: DigestAlgorithm {
      switch self {
      case .hmacSHA256: .sha256
      case .hmacSHA512: .sha512
      }
    }
  }

  package static let blockSize = 16
  package static let ivLength = 16
  private static let lengthFieldLength = 4
  private static let ciphers = [
    16: FetchedCipher("AES-128-CTR"), 24: FetchedCipher("AES-192-CTR"), 32: FetchedCipher("AES-256-CTR"),
  ]

  package let tagLength: Int
  package let encryptThenMAC: Bool
  private let context = CipherContext()
  private let mac: KeyedHMAC
  /// The sequence number in 4 bytes, then a tag.
  private let scratch: UnsafeMutablePointer<UInt8>

  package init(
    key: SecretBytes, iv: SecretBytes, mac: MAC, macKey: SecretBytes, encryptThenMAC: Bool, direction: CipherDirection
  ) throws(CryptoError) {
    guard let cipher = Self.ciphers[key.count], iv.count == Self.ivLength, macKey.count == mac.keyLength else {
      throw CryptoError(.malformed, "AES-CTR takes a key of 16, 24 or 32 bytes, an IV of 16 and the MAC's own key.")
    }
    self.mac = KeyedHMAC(mac.digest, key: macKey)
    self.encryptThenMAC = encryptThenMAC
    tagLength = mac.tagLength
    unsafe scratch = .allocate(capacity: Self.lengthFieldLength + mac.tagLength)
    unsafe scratch.initialize(repeating: 0, count: Self.lengthFieldLength + mac.tagLength)
    let result = unsafe key.withBytes { key in
      unsafe iv.withBytes { iv in
        unsafe EVP_EncryptInit_ex2(
          context.pointer, cipher.pointer, key.baseAddress?.assumingMemoryBound(to: UInt8.self),
          iv.baseAddress?.assumingMemoryBound(to: UInt8.self), nil)
      }
    }
    try check(result, "cannot start AES-CTR")
  }

  deinit { unsafe scratch.deallocate() }

  package func seal(_ packet: UnsafeMutableRawBufferPointer, sequence: UInt32) throws(CryptoError) {
    let count = packet.count - tagLength
    guard count > Self.lengthFieldLength, let raw = packet.baseAddress else { throw .packetTooShort }
    let base = unsafe raw.assumingMemoryBound(to: UInt8.self)
    if encryptThenMAC {
      try unsafe crypt(base + Self.lengthFieldLength, count - Self.lengthFieldLength)
      unsafe authenticate(base, count, sequence, into: base + count)
    } else {
      unsafe authenticate(base, count, sequence, into: base + count)
      try unsafe crypt(base, count)
    }
  }

  /// Decrypts the first 16 bytes of a packet, so that its length can be read. Only without encrypt-then-MAC, once a packet.
  package func openFirstBlock(_ first: UnsafeMutableRawBufferPointer) throws(CryptoError) {
    guard !encryptThenMAC, first.count >= Self.blockSize, let raw = first.baseAddress else { throw .packetTooShort }
    try unsafe crypt(raw.assumingMemoryBound(to: UInt8.self), Self.blockSize)
  }

  /// Checks the tag and decrypts what is still encrypted: everything behind the length, or, without encrypt-then-MAC,
  /// everything behind the first block.
  package func open(_ packet: UnsafeMutableRawBufferPointer, sequence: UInt32) throws(CryptoError) {
    let count = packet.count - tagLength
    let done = encryptThenMAC ? Self.lengthFieldLength : Self.blockSize
    guard count >= done, let raw = packet.baseAddress else { throw .packetTooShort }
    let base = unsafe raw.assumingMemoryBound(to: UInt8.self)
    if !encryptThenMAC { try unsafe crypt(base + done, count - done) }
    let tag = unsafe scratch + Self.lengthFieldLength
    unsafe authenticate(base, count, sequence, into: tag)
    guard unsafe CRYPTO_memcmp(tag, base + count, tagLength) == 0 else { throw .packetRefused }
    if encryptThenMAC { try unsafe crypt(base + done, count - done) }
  }

  package func seal(_ packet: inout MutableRawSpan, sequence: UInt32) throws(CryptoError) {
    try unsafe packet.withUnsafeMutableBytes { (bytes) throws(CryptoError) in
      try unsafe seal(bytes, sequence: sequence)
    }
  }

  package func openFirstBlock(_ first: inout MutableRawSpan) throws(CryptoError) {
    try unsafe first.withUnsafeMutableBytes { (bytes) throws(CryptoError) in try unsafe openFirstBlock(bytes) }
  }

  package func open(_ packet: inout MutableRawSpan, sequence: UInt32) throws(CryptoError) {
    try unsafe packet.withUnsafeMutableBytes { (bytes) throws(CryptoError) in
      try unsafe open(bytes, sequence: sequence)
    }
  }

  @inline(__always)
  private func crypt(_ bytes: UnsafeMutablePointer<UInt8>, _ count: Int) throws(CryptoError) {
    guard count > 0 else { return }
    var written: Int32 = 0
    guard unsafe EVP_EncryptUpdate(context.pointer, bytes, &written, bytes, Int32(clamping: count)) == 1 else {
      throw .library("cannot encrypt a packet")
    }
  }

  @inline(__always)
  private func authenticate(
    _ bytes: UnsafeMutablePointer<UInt8>, _ count: Int, _ sequence: UInt32, into tag: UnsafeMutablePointer<UInt8>
  ) {
    unsafe scratch[0] = UInt8(truncatingIfNeeded: sequence >> 24)
    unsafe scratch[1] = UInt8(truncatingIfNeeded: sequence >> 16)
    unsafe scratch[2] = UInt8(truncatingIfNeeded: sequence >> 8)
    unsafe scratch[3] = UInt8(truncatingIfNeeded: sequence)
    mac.restart()
    unsafe mac.update(UnsafeRawBufferPointer(start: scratch, count: 4))
    unsafe mac.update(UnsafeRawBufferPointer(start: bytes, count: count))
    unsafe mac.finish(into: tag)
  }
}
