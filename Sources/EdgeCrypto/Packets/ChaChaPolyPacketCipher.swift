internal import COpenSSL

/// chacha20-poly1305@openssh.com (OpenSSH PROTOCOL.chacha20poly1305).
///
/// The first half of the key encrypts packets and makes their Poly1305 keys, the second half encrypts the lengths. One object
/// is one direction between two key exchanges, for one thread. Packets are changed in place, nothing is allocated.
@safe package final class ChaChaPolyPacketCipher {
  package static let tagLength = 16
  package static let blockSize = 8
  package static let keyLength = 64
  private static let lengthFieldLength = 4
  private static let chaChaBlockLength = 64
  private static let smallPayload = 256
  private static let scratchLength = 16 + chaChaBlockLength + smallPayload + tagLength
  private static let chaCha = FetchedCipher("ChaCha20")
  private static let poly = FetchedMAC("POLY1305")

  private let main = CipherContext()
  private let header = CipherContext()
  private let mac: OpaquePointer
  /// 16 bytes of IV (64-bit little-endian block counter ‖ 64-bit big-endian sequence number), then one ChaCha20 block of zeros
  /// that becomes the Poly1305 key, then a small payload, then a tag.
  private let scratch: UnsafeMutablePointer<UInt8>

  package init(key: SecretBytes, direction: CipherDirection) throws(CryptoError) {
    guard key.count == Self.keyLength else {
      throw CryptoError(.malformed, "chacha20-poly1305@openssh.com takes a key of \(Self.keyLength) bytes.")
    }
    unsafe scratch = .allocate(capacity: Self.scratchLength)
    unsafe scratch.initialize(repeating: 0, count: Self.scratchLength)
    // Fetched at the first use in the process; fails for want of memory only.
    guard let mac = unsafe EVP_MAC_CTX_new(Self.poly.pointer) else { fatalError("OpenSSL has no Poly1305.") }
    unsafe self.mac = mac
    for (context, start) in [(main, 0), (header, 32)] {
      let result = unsafe key.withBytes { key in
        unsafe EVP_EncryptInit_ex2(
          context.pointer, Self.chaCha.pointer,
          key.baseAddress?.advanced(by: start).assumingMemoryBound(to: UInt8.self),
          scratch, nil)
      }
      try check(result, "cannot start ChaCha20")
    }
  }

  deinit {
    unsafe EVP_MAC_CTX_free(mac)
    unsafe OPENSSL_cleanse(scratch, Self.scratchLength)
    unsafe scratch.deallocate()
  }

  package func seal(_ packet: UnsafeMutableRawBufferPointer, sequence: UInt32) throws(CryptoError) {
    let count = packet.count - Self.lengthFieldLength - Self.tagLength
    guard count > 0, count <= Int(Int32.max), let raw = packet.baseAddress else { throw .packetTooShort }
    let base = unsafe raw.assumingMemoryBound(to: UInt8.self)
    setSequence(sequence)
    var written: Int32 = 0
    guard unsafe EVP_EncryptInit_ex2(header.pointer, nil, nil, scratch, nil) == 1,
      unsafe EVP_EncryptUpdate(header.pointer, base, &written, base, Int32(Self.lengthFieldLength)) == 1
    else { throw .library("cannot seal a packet") }
    let body = unsafe base + Self.lengthFieldLength
    if count <= Self.smallPayload {
      let copy = unsafe try cryptSmall(body, count)
      unsafe body.update(from: copy, count: count)
    } else {
      try startPayload()
      try unsafe cryptRest(body, count)
    }
    try unsafe authenticate(base, Self.lengthFieldLength + count, into: body + count)
  }

  /// What the peer says the packet's length is. Nothing vouches for it before the tag has been checked.
  package func length(_ header: UnsafeRawBufferPointer, sequence: UInt32) throws(CryptoError) -> UInt32 {
    guard header.count >= Self.lengthFieldLength, let raw = header.baseAddress else { throw .packetTooShort }
    setSequence(sequence)
    let plain = unsafe scratch + 16
    var written: Int32 = 0
    guard unsafe EVP_EncryptInit_ex2(self.header.pointer, nil, nil, scratch, nil) == 1,
      unsafe EVP_EncryptUpdate(
        self.header.pointer, plain, &written, raw.assumingMemoryBound(to: UInt8.self), Int32(Self.lengthFieldLength))
        == 1
    else { throw .library("cannot read a packet's length") }
    return unsafe UInt32(plain[0]) << 24 | UInt32(plain[1]) << 16 | UInt32(plain[2]) << 8 | UInt32(plain[3])
  }

  /// Checks the tag, then decrypts; the four bytes of length stay encrypted.
  package func open(_ packet: UnsafeMutableRawBufferPointer, sequence: UInt32) throws(CryptoError) {
    let count = packet.count - Self.lengthFieldLength - Self.tagLength
    guard count > 0, count <= Int(Int32.max), let raw = packet.baseAddress else { throw .packetTooShort }
    let base = unsafe raw.assumingMemoryBound(to: UInt8.self)
    setSequence(sequence)
    let body = unsafe base + Self.lengthFieldLength
    let tag = unsafe scratch + 16 + Self.chaChaBlockLength + Self.smallPayload
    let small = count <= Self.smallPayload
    let copy = unsafe small ? try cryptSmall(body, count) : nil
    if !small { try startPayload() }
    try unsafe authenticate(base, Self.lengthFieldLength + count, into: tag)
    guard unsafe CRYPTO_memcmp(tag, body + count, Self.tagLength) == 0 else { throw .packetRefused }
    if let copy = unsafe copy {
      unsafe body.update(from: copy, count: count)
    } else {
      try unsafe cryptRest(body, count)
    }
  }

  package func seal(_ packet: inout MutableRawSpan, sequence: UInt32) throws(CryptoError) {
    try unsafe packet.withUnsafeMutableBytes { (bytes) throws(CryptoError) in
      try unsafe seal(bytes, sequence: sequence)
    }
  }

  package func length(_ header: RawSpan, sequence: UInt32) throws(CryptoError) -> UInt32 {
    try unsafe header.withUnsafeBytes { (bytes) throws(CryptoError) in try unsafe length(bytes, sequence: sequence) }
  }

  package func open(_ packet: inout MutableRawSpan, sequence: UInt32) throws(CryptoError) {
    try unsafe packet.withUnsafeMutableBytes { (bytes) throws(CryptoError) in
      try unsafe open(bytes, sequence: sequence)
    }
  }

  @inline(__always)
  private func setSequence(_ sequence: UInt32) {
    unsafe scratch[12] = UInt8(truncatingIfNeeded: sequence >> 24)
    unsafe scratch[13] = UInt8(truncatingIfNeeded: sequence >> 16)
    unsafe scratch[14] = UInt8(truncatingIfNeeded: sequence >> 8)
    unsafe scratch[15] = UInt8(truncatingIfNeeded: sequence)
  }

  /// Block 0 of the key stream is the Poly1305 key; the next byte of the stream is the payload's first (block 1). One
  /// initialisation serves both: each costs as much as 300 bytes of encryption.
  @inline(__always)
  private func startPayload() throws(CryptoError) {
    let block = unsafe scratch + 16
    unsafe block.update(repeating: 0, count: Self.chaChaBlockLength)
    var written: Int32 = 0
    guard unsafe EVP_EncryptInit_ex2(main.pointer, nil, nil, scratch, nil) == 1,
      unsafe EVP_EncryptUpdate(main.pointer, block, &written, block, Int32(Self.chaChaBlockLength)) == 1
    else { throw .library("cannot start a packet") }
  }

  /// The payload behind the block of zeros, so that one call makes the Poly1305 key and encrypts (or decrypts) the payload;
  /// for small packets the copy is cheaper than a second call. Answers where the result is.
  @inline(__always)
  private func cryptSmall(_ body: UnsafePointer<UInt8>, _ count: Int) throws(CryptoError) -> UnsafeMutablePointer<UInt8>
  {
    let block = unsafe scratch + 16
    let copy = unsafe block + Self.chaChaBlockLength
    unsafe block.update(repeating: 0, count: Self.chaChaBlockLength)
    unsafe copy.update(from: body, count: count)
    var written: Int32 = 0
    guard unsafe EVP_EncryptInit_ex2(main.pointer, nil, nil, scratch, nil) == 1,
      unsafe EVP_EncryptUpdate(
        main.pointer, block, &written, block, Int32(truncatingIfNeeded: Self.chaChaBlockLength + count)) == 1
    else { throw .library("cannot encrypt a packet") }
    return unsafe copy
  }

  @inline(__always)
  private func cryptRest(_ body: UnsafeMutablePointer<UInt8>, _ count: Int) throws(CryptoError) {
    var written: Int32 = 0
    guard unsafe EVP_EncryptUpdate(main.pointer, body, &written, body, Int32(truncatingIfNeeded: count)) == 1 else {
      throw .library("cannot encrypt a packet")
    }
  }

  @inline(__always)
  private func authenticate(
    _ bytes: UnsafePointer<UInt8>, _ count: Int, into tag: UnsafeMutablePointer<UInt8>
  ) throws(CryptoError) {
    var written = 0
    guard unsafe EVP_MAC_init(mac, scratch + 16, 32, nil) == 1, unsafe EVP_MAC_update(mac, bytes, count) == 1,
      unsafe EVP_MAC_final(mac, tag, &written, Self.tagLength) == 1
    else { throw .library("cannot authenticate a packet") }
  }
}
