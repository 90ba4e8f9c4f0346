internal import COpenSSL

/// Making and checking signatures in OpenSSL's own encodings.
enum SignatureOperation {
  static func verify(
    _ signature: [UInt8], over message: [UInt8], with key: KeyHandle, _ algorithm: SignatureAlgorithm
  ) -> Bool {
    guard let context = unsafe EVP_MD_CTX_new() else { return false }
    defer {
      unsafe EVP_MD_CTX_free(context)
      ErrorQueue.clear()
    }
    var keyContext: OpaquePointer?
    guard unsafe EVP_DigestVerifyInit(context, &keyContext, algorithm.digest?.fetched.pointer, nil, key.pointer) == 1,
      unsafe setPadding(keyContext, algorithm)
    else { return false }
    return unsafe EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
  }

  static func sign(
    _ message: [UInt8], with key: KeyHandle, _ algorithm: SignatureAlgorithm
  ) throws(CryptoError) -> [UInt8] {
    ErrorQueue.clear()
    guard let context = unsafe EVP_MD_CTX_new() else { throw .library("cannot sign") }
    defer { unsafe EVP_MD_CTX_free(context) }
    var keyContext: OpaquePointer?
    guard unsafe EVP_DigestSignInit(context, &keyContext, algorithm.digest?.fetched.pointer, nil, key.pointer) == 1,
      unsafe setPadding(keyContext, algorithm)
    else { throw .library("cannot sign") }
    var count = 0
    try check(unsafe EVP_DigestSign(context, nil, &count, message, message.count), "cannot sign")
    var signature = [UInt8](repeating: 0, count: count)
    try check(unsafe EVP_DigestSign(context, &signature, &count, message, message.count), "cannot sign")
    return Array(signature.prefix(count))
  }

  /// PSS with a salt as long as the digest (RFC 7518 section 3.5); PKCS#1 is OpenSSL's default.
  private static func setPadding(_ context: OpaquePointer?, _ algorithm: SignatureAlgorithm) -> Bool {
    guard algorithm.isPSS else { return true }
    return unsafe EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1
      && EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1
  }
}
