internal import COpenSSL

/// A private key: a host key, a signing key, the key of a certificate.
package final class PrivateKey: Sendable {
  package enum Kind: Sendable, Hashable {
    case ed25519
    case ecdsa(Curve)
    case rsa(bits: Int)
  }

  package let publicKey: PublicKey
  /// Of an OpenSSH key file; else empty.
  package let comment: String
  let handle: KeyHandle

  init(handle: KeyHandle, comment: String = "") throws(CryptoError) {
    publicKey = try PublicKey(handle: handle)
    self.handle = handle
    self.comment = comment
  }

  package static func generate(_ kind: Kind) throws(CryptoError) -> PrivateKey {
    ErrorQueue.clear()
    let key: OpaquePointer?
    switch kind {
    case .ed25519: unsafe key = te_pkey_generate("ED25519")
    case .ecdsa(let curve): unsafe key = te_ec_generate(curve.openSSLName)
    case .rsa(let bits):
      guard PublicKey.rsaBits.contains(bits) else { throw CryptoError(.weakKey, "RSA keys have 2048 to 8192 bits.") }
      unsafe key = te_rsa_generate(UInt32(bits))
    }
    guard let key = unsafe key else { throw .library("cannot make a key") }
    return try PrivateKey(handle: unsafe KeyHandle(key))
  }

  package convenience init(ed25519Seed seed: [UInt8]) throws(CryptoError) {
    try self.init(handle: try Self.ed25519Handle(seed))
  }

  static func ed25519Handle(_ seed: [UInt8]) throws(CryptoError) -> KeyHandle {
    guard seed.count == 32 else { throw CryptoError(.malformed, "An Ed25519 seed has 32 bytes, not \(seed.count).") }
    ErrorQueue.clear()
    guard let key = unsafe EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, seed, seed.count) else {
      throw .library("the Ed25519 seed is not valid", .malformed)
    }
    return unsafe KeyHandle(key)
  }

  /// Signs; ECDSA signatures come as r ‖ s in fixed width.
  package func sign(_ message: [UInt8], algorithm: SignatureAlgorithm) throws(CryptoError) -> [UInt8] {
    guard algorithm.fits(publicKey.type) else {
      throw CryptoError(.unsupported, "\(publicKey) cannot sign with \(algorithm).")
    }
    let signature = try SignatureOperation.sign(message, with: handle, algorithm)
    guard case .ecdsa(let curve) = publicKey.type else { return signature }
    guard let raw = ECDSASignature(der: signature)?.raw(curve) else {
      throw CryptoError(.library, "OpenSSL made a signature that cannot be read.")
    }
    return raw
  }
}
