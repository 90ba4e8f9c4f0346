internal import COpenSSL

/// Owns an `EVP_PKEY`.
///
/// `@unchecked Sendable`: a key is not changed after it was made, and OpenSSL allows any number of threads to use one
/// (its caches are locked inside).
@safe final class KeyHandle: @unchecked Sendable {
  let pointer: OpaquePointer

  /// Takes over the reference.
  init(_ pointer: OpaquePointer) { unsafe self.pointer = pointer }

  deinit { unsafe EVP_PKEY_free(pointer) }

  /// What kind of key it is; nil for kinds we do not use.
  var type: KeyType? {
    let id = unsafe EVP_PKEY_get_base_id(pointer)
    if id == EVP_PKEY_ED25519 { return .ed25519 }
    if id == EVP_PKEY_RSA { return .rsa }
    guard id == EVP_PKEY_EC else { return nil }
    var name = [CChar](repeating: 0, count: 64)
    var count = 0
    guard unsafe EVP_PKEY_get_group_name(pointer, &name, name.count, &count) == 1 else { return nil }
    let text = String(decoding: name.prefix(min(count, 64)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return Curve(openSSLName: text).map(KeyType.ecdsa)
  }

  /// A number of the key ("n", "d", "qx", …), without leading zeros.
  func number(_ name: String) -> [UInt8]? {
    var number: OpaquePointer?
    guard unsafe EVP_PKEY_get_bn_param(pointer, name, &number) == 1, let number = unsafe number else {
      ErrorQueue.clear()
      return nil
    }
    let owned = unsafe BigNumber(number)
    return owned.bytes
  }

  /// The 32 bytes of an Ed25519 or X25519 key.
  func rawPublic() -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: 64)
    var count = bytes.count
    guard unsafe EVP_PKEY_get_raw_public_key(pointer, &bytes, &count) == 1 else {
      ErrorQueue.clear()
      return nil
    }
    return Array(bytes.prefix(count))
  }

  func rawPrivate() -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: 64)
    var count = bytes.count
    guard unsafe EVP_PKEY_get_raw_private_key(pointer, &bytes, &count) == 1 else {
      ErrorQueue.clear()
      return nil
    }
    return Array(bytes.prefix(count))
  }

  /// Makes a key from its numbers.
  static func make(
    _ type: String, publicOnly: Bool, _ parameters: [KeyParameter]
  ) throws(CryptoError) -> KeyHandle {
    ErrorQueue.clear()
    let list = try KeyParameterList(parameters)
    guard let context = unsafe EVP_PKEY_CTX_new_from_name(nil, type, nil) else { throw .library("no \(type) keys") }
    defer { unsafe EVP_PKEY_CTX_free(context) }
    var key: OpaquePointer?
    let selection = publicOnly ? te_selection_public() : te_selection_keypair()
    guard unsafe EVP_PKEY_fromdata_init(context) == 1,
      unsafe EVP_PKEY_fromdata(context, &key, selection, list.pointer) == 1, let key = unsafe key
    else { throw .library("the \(type) key is not valid", .malformed) }
    return unsafe KeyHandle(key)
  }

  /// Whether the private half belongs to the public half.
  func isConsistent() -> Bool {
    guard let context = unsafe EVP_PKEY_CTX_new_from_pkey(nil, pointer, nil) else { return false }
    defer {
      unsafe EVP_PKEY_CTX_free(context)
      ErrorQueue.clear()
    }
    return unsafe EVP_PKEY_pairwise_check(context) == 1
  }
}

/// Owns a `BIGNUM`; cleared when it goes.
@safe final class BigNumber {
  let pointer: OpaquePointer

  init(_ pointer: OpaquePointer) { unsafe self.pointer = pointer }

  init(bytes: [UInt8]) throws(CryptoError) {
    guard let pointer = unsafe BN_bin2bn(bytes, Int32(clamping: bytes.count), nil) else {
      throw .library("no memory for a number")
    }
    unsafe self.pointer = pointer
  }

  convenience init(_ secret: SecretBytes) throws(CryptoError) {
    let pointer = unsafe secret.withBytes { bytes in
      unsafe BN_bin2bn(bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(clamping: bytes.count), nil)
    }
    guard let pointer = unsafe pointer else { throw .library("no memory for a number") }
    unsafe self.init(pointer)
  }

  deinit { unsafe BN_clear_free(pointer) }

  /// As `bytes`, where the number is a secret.
  var secret: SecretBytes {
    unsafe .made(max(0, Int(te_bn_num_bytes(pointer)))) { target in
      guard let base = target.baseAddress, target.count > 0 else { return }
      _ = unsafe BN_bn2bin(pointer, base.assumingMemoryBound(to: UInt8.self))
    }
  }

  /// Big-endian without leading zeros.
  var bytes: [UInt8] {
    let count = max(0, Int(unsafe te_bn_num_bytes(pointer)))
    return unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      if let base = buffer.baseAddress, count > 0 { _ = unsafe BN_bn2bin(pointer, base) }
      initialized = count
    }
  }
}
