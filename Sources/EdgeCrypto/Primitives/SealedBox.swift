internal import COpenSSL

/// Small secrets at rest or in a browser's hands: AES-256-GCM under a random nonce.
///
/// The box is nonce (12) ‖ ciphertext ‖ tag (16). Random nonces bound the number of boxes under one key to 2^32.
package enum SealedBox {
  package static let keyLength = 32
  private static let nonceLength = 12
  private static let tagLength = 16
  private static let cipher = FetchedCipher("AES-256-GCM")

  package static func seal(
    key: [UInt8], _ plaintext: [UInt8], aad: [UInt8] = []
  ) throws(CryptoError) -> [UInt8] {
    guard key.count == keyLength else { throw CryptoError(.malformed, "A sealing key has \(keyLength) bytes.") }
    let context = CipherContext()
    let nonce = SecureRandom.bytes(nonceLength)
    var box = nonce + plaintext + [UInt8](repeating: 0, count: tagLength)
    var count: Int32 = 0
    try check(
      unsafe EVP_EncryptInit_ex2(context.pointer, cipher.pointer, key, nonce, nil), "cannot start AES-256-GCM")
    if !aad.isEmpty {
      try check(unsafe EVP_EncryptUpdate(context.pointer, nil, &count, aad, Int32(aad.count)), "cannot seal")
    }
    let sealed = unsafe box.withUnsafeMutableBufferPointer { box -> Int32 in
      guard let base = box.baseAddress else { return 0 }
      let body = unsafe base + nonceLength
      guard unsafe EVP_EncryptUpdate(context.pointer, body, &count, body, Int32(plaintext.count)) == 1,
        unsafe EVP_EncryptFinal_ex(context.pointer, body + plaintext.count, &count) == 1
      else { return 0 }
      return unsafe EVP_CIPHER_CTX_ctrl(
        context.pointer, EVP_CTRL_AEAD_GET_TAG, Int32(tagLength), body + plaintext.count)
    }
    try check(sealed, "cannot seal")
    return box
  }

  /// Nil when the box is damaged, or was sealed with another key or other additional data.
  package static func open(key: [UInt8], _ box: [UInt8], aad: [UInt8] = []) -> [UInt8]? {
    guard key.count == keyLength, box.count >= nonceLength + tagLength else { return nil }
    defer { ErrorQueue.clear() }
    let context = CipherContext()
    let nonce = Array(box.prefix(nonceLength))
    var tag = Array(box.suffix(tagLength))
    var body = Array(box[nonceLength..<(box.count - tagLength)])
    let length = body.count
    body.append(0)  // room, so that the pointer is never null
    var count: Int32 = 0
    guard unsafe EVP_DecryptInit_ex2(context.pointer, cipher.pointer, key, nonce, nil) == 1,
      unsafe aad.isEmpty || EVP_DecryptUpdate(context.pointer, nil, &count, aad, Int32(aad.count)) == 1,
      unsafe EVP_CIPHER_CTX_ctrl(context.pointer, EVP_CTRL_AEAD_SET_TAG, Int32(tagLength), &tag) == 1
    else { return nil }
    let opened = unsafe body.withUnsafeMutableBufferPointer { body -> Bool in
      guard let base = body.baseAddress else { return false }
      return unsafe EVP_DecryptUpdate(context.pointer, base, &count, base, Int32(length)) == 1
        && EVP_DecryptFinal_ex(context.pointer, base + length, &count) == 1
    }
    guard opened else { return nil }
    body.removeLast()
    return body
  }
}

/// An `EVP_CIPHER` fetched once for the life of the process.
///
/// `@unchecked Sendable`: the pointer never changes, is never freed, and OpenSSL only reads what it points to.
@safe struct FetchedCipher: @unchecked Sendable {
  let pointer: OpaquePointer

  init(_ name: String) {
    guard let pointer = unsafe EVP_CIPHER_fetch(nil, name, nil) else { fatalError("OpenSSL has no \(name).") }
    unsafe self.pointer = pointer
  }
}

/// Owns an `EVP_CIPHER_CTX`. For one thread at a time.
@safe final class CipherContext {
  let pointer: OpaquePointer

  init() {
    guard let pointer = unsafe EVP_CIPHER_CTX_new() else { fatalError("Out of memory for a cipher context.") }
    unsafe self.pointer = pointer
  }

  deinit { unsafe EVP_CIPHER_CTX_free(pointer) }
}
