internal import COpenSSL

/// A digest of secrets, which come in pieces so that they need not be joined first. Used once.
@safe package final class SecretDigest {
  private let algorithm: DigestAlgorithm
  private let context: OpaquePointer

  package init(_ algorithm: DigestAlgorithm) {
    self.algorithm = algorithm
    // For want of memory only.
    guard let context = unsafe EVP_MD_CTX_new(),
      unsafe EVP_DigestInit_ex2(context, algorithm.fetched.pointer, nil) == 1
    else { fatalError("OpenSSL cannot start \(algorithm.openSSLName).") }
    unsafe self.context = context
  }

  // OpenSSL cleanses what it has seen.
  deinit { unsafe EVP_MD_CTX_free(context) }

  package func update(_ bytes: [UInt8]) { unsafe bytes.withUnsafeBytes { unsafe update($0) } }

  package func update(_ secret: SecretBytes) { unsafe secret.withBytes { unsafe update($0) } }

  private func update(_ bytes: UnsafeRawBufferPointer) {
    _ = unsafe EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
  }

  package func finish() -> SecretBytes {
    unsafe .made(algorithm.byteCount) { target in
      // A mistake of our own code, which no peer can bring about: its callers finish once.
      guard unsafe EVP_DigestFinal_ex(context, target.baseAddress?.assumingMemoryBound(to: UInt8.self), nil) == 1 else {
        fatalError("A digest was finished twice.")
      }
    }
  }
}
