internal import COpenSSL

/// X25519 (RFC 7748): one exchange.
package struct X25519: Sendable {
  private static let length = 32

  package let publicKey: [UInt8]
  private let handle: KeyHandle

  package init() throws(CryptoError) {
    ErrorQueue.clear()
    guard let key = unsafe te_pkey_generate("X25519") else { throw .library("cannot make an X25519 key") }
    try self.init(handle: unsafe KeyHandle(key))
  }

  package init(privateKey: [UInt8]) throws(CryptoError) {
    guard privateKey.count == Self.length else { throw CryptoError(.malformed, "An X25519 key has 32 bytes.") }
    ErrorQueue.clear()
    guard let key = unsafe EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nil, privateKey, privateKey.count) else {
      throw .library("the X25519 key is not valid", .malformed)
    }
    try self.init(handle: unsafe KeyHandle(key))
  }

  private init(handle: KeyHandle) throws(CryptoError) {
    guard let publicKey = handle.rawPublic() else { throw .library("cannot read the X25519 key") }
    self.handle = handle
    self.publicKey = publicKey
  }

  /// 32 bytes. RFC 7748 section 6.1: an all-zero result, which a peer's point of small order gives, is refused.
  package func sharedSecret(with peer: [UInt8]) throws(CryptoError) -> SecretBytes {
    guard peer.count == Self.length else {
      throw CryptoError(.malformed, "An X25519 public key has 32 bytes, not \(peer.count).")
    }
    ErrorQueue.clear()
    guard let key = unsafe EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nil, peer, peer.count) else {
      throw .library("the X25519 public key is not valid", .malformed)
    }
    let secret = try KeyAgreement.derive(handle, unsafe KeyHandle(key))
    guard secret.count == Self.length, !secret.isZero else {
      throw CryptoError(.degenerate, "The peer's X25519 key leads to a secret that everybody knows.")
    }
    return secret
  }
}

/// The last step of an elliptic Diffie-Hellman.
enum KeyAgreement {
  /// The peer's key was checked when it was made (on the curve, right length); OpenSSL's second, full check would multiply
  /// by the group order, which proves nothing more where the cofactor is 1 and doubles the cost.
  static func derive(_ own: KeyHandle, _ peer: KeyHandle) throws(CryptoError) -> SecretBytes {
    ErrorQueue.clear()
    guard let context = unsafe EVP_PKEY_CTX_new_from_pkey(nil, own.pointer, nil) else {
      throw .library("cannot derive a secret")
    }
    defer { unsafe EVP_PKEY_CTX_free(context) }
    var count = 0
    guard unsafe EVP_PKEY_derive_init(context) == 1, unsafe EVP_PKEY_derive_set_peer_ex(context, peer.pointer, 0) == 1,
      unsafe EVP_PKEY_derive(context, nil, &count) == 1
    else { throw .library("the peer's public key is refused", .degenerate) }
    let secret = try unsafe SecretBytes(count: count) { (target) throws(CryptoError) in
      guard unsafe EVP_PKEY_derive(context, target.baseAddress?.assumingMemoryBound(to: UInt8.self), &count) == 1 else {
        throw .library("the peer's public key is refused", .degenerate)
      }
    }
    return secret.count == count ? secret : secret.part(count: count)
  }
}
