internal import COpenSSL

/// Which way a packet cipher works.
package enum CipherDirection: Sendable {
  case seal
  case open
}

/// aes128-gcm@openssh.com and aes256-gcm@openssh.com (OpenSSH PROTOCOL section 1.6, RFC 5647).
///
/// One object is one direction of one connection between two key exchanges, for one thread. A packet is 4 bytes of length in
/// clear, the encrypted part, and room for the tag; it is changed in place, nothing is allocated.
@safe package final class AESGCMPacketCipher {
  package static let tagLength = 16
  package static let blockSize = 16
  package static let nonceLength = 12
  private static let lengthFieldLength = 4
  private static let aes128 = FetchedCipher("AES-128-GCM")
  private static let aes256 = FetchedCipher("AES-256-GCM")

  private let context: CipherContext
  /// Fixed 4 bytes ‖ invocation counter of 8, big-endian.
  private let nonce: UnsafeMutablePointer<UInt8>

  package init(key: SecretBytes, nonce: SecretBytes, direction: CipherDirection) throws(CryptoError) {
    guard key.count == 16 || key.count == 32, nonce.count == Self.nonceLength else {
      throw CryptoError(.malformed, "AES-GCM takes a key of 16 or 32 bytes and a nonce of 12.")
    }
    let context = CipherContext()
    let cipher = key.count == 16 ? Self.aes128 : Self.aes256
    let own = UnsafeMutablePointer<UInt8>.allocate(capacity: Self.nonceLength)
    unsafe nonce.withBytes { bytes in
      for index in 0..<Self.nonceLength { unsafe own[index] = bytes[index] }
    }
    self.context = context
    unsafe self.nonce = unsafe own
    let result = unsafe key.withBytes { key in
      unsafe EVP_CipherInit_ex2(
        context.pointer, cipher.pointer, key.baseAddress?.assumingMemoryBound(to: UInt8.self), own,
        direction == .seal ? 1 : 0, nil)
    }
    try check(result, "cannot start AES-GCM")
  }

  deinit { unsafe nonce.deallocate() }

  package func seal(_ packet: UnsafeMutableRawBufferPointer) throws(CryptoError) {
    let count = try unsafe start(packet)
    guard let base = unsafe packet.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
    let body = unsafe base + Self.lengthFieldLength
    var written: Int32 = 0
    guard unsafe EVP_EncryptUpdate(context.pointer, body, &written, body, count) == 1,
      unsafe EVP_EncryptFinal_ex(context.pointer, body + Int(count), &written) == 1,
      unsafe EVP_CIPHER_CTX_ctrl(
        context.pointer, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagLength), body + Int(count)) == 1
    else { throw .library("cannot seal a packet") }
  }

  /// Throws `.authenticationFailed` when the packet is not the peer's; what is in it then must not be looked at.
  package func open(_ packet: UnsafeMutableRawBufferPointer) throws(CryptoError) {
    let count = try unsafe start(packet)
    guard let base = unsafe packet.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
    let body = unsafe base + Self.lengthFieldLength
    var written: Int32 = 0
    guard
      unsafe EVP_CIPHER_CTX_ctrl(
        context.pointer, EVP_CTRL_AEAD_SET_TAG, Int32(Self.tagLength), body + Int(count)) == 1,
      unsafe EVP_DecryptUpdate(context.pointer, body, &written, body, count) == 1,
      unsafe EVP_DecryptFinal_ex(context.pointer, body + Int(count), &written) == 1
    else {
      ErrorQueue.clear()
      throw .packetRefused
    }
  }

  package func seal(_ packet: inout MutableRawSpan) throws(CryptoError) {
    try unsafe packet.withUnsafeMutableBytes { (bytes) throws(CryptoError) in try unsafe seal(bytes) }
  }

  package func open(_ packet: inout MutableRawSpan) throws(CryptoError) {
    try unsafe packet.withUnsafeMutableBytes { (bytes) throws(CryptoError) in try unsafe open(bytes) }
  }

  /// Sets this packet's nonce and additional data; the count of bytes to encrypt comes back.
  @inline(__always)
  private func start(_ packet: UnsafeMutableRawBufferPointer) throws(CryptoError) -> Int32 {
    let count = packet.count - Self.lengthFieldLength - Self.tagLength
    guard count > 0, count <= Int(Int32.max), let base = packet.baseAddress else { throw .packetTooShort }
    var written: Int32 = 0
    guard unsafe EVP_CipherInit_ex2(context.pointer, nil, nil, nonce, -1, nil) == 1,
      unsafe EVP_CipherUpdate(
        context.pointer, nil, &written, base.assumingMemoryBound(to: UInt8.self), Int32(Self.lengthFieldLength)) == 1
    else { throw .library("cannot start a packet") }
    stepNonce()
    return Int32(truncatingIfNeeded: count)
  }

  /// RFC 5647 section 7.1: the counter's 64 bits wrap, the fixed field never changes.
  @inline(__always)
  private func stepNonce() {
    var index = Self.nonceLength - 1
    while index >= 4 {
      unsafe nonce[index] &+= 1
      if unsafe nonce[index] != 0 { return }
      index -= 1
    }
  }
}

extension CryptoError {
  static let packetRefused = CryptoError(.authenticationFailed, "A packet's authentication tag is wrong.")
  static let packetTooShort = CryptoError(.malformed, "A packet is too short for its tag.")
}
