internal import COpenSSL

/// Owns an `SSL_CTX`, set up the way all of ours are.
///
/// `@unchecked Sendable`: a context is complete before it is shared; OpenSSL then allows any number of threads to make
/// connections from it (what changes inside is locked).
@safe final class ContextHandle: @unchecked Sendable {
  /// Forward secrecy and AEAD only. Which of them is the peer's business as far as ChaCha20 goes (PRIORITIZE_CHACHA).
  private static let ciphers12 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    + "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
  private static let ciphers13 = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
  private static let classicGroups = "X25519:P-256:P-384:P-521"
  /// From OpenSSL 3.5 on: a client sends key shares for the two marked with a star, a server likes the first tuple best.
  private static let hybridGroups = "?*X25519MLKEM768 / ?*X25519:?P-256 / ?P-384:?P-521"

  let pointer: OpaquePointer

  init(server: Bool, minimum: TLSVersion) throws(CryptoError) {
    ErrorQueue.clear()
    guard let pointer = unsafe SSL_CTX_new(server ? TLS_server_method() : TLS_client_method()) else {
      throw .library("cannot make a TLS context")
    }
    unsafe self.pointer = pointer
    unsafe te_ctx_set_options(pointer)
    unsafe te_ctx_set_modes(pointer)
    unsafe te_ctx_set_session_cache_off(pointer)
    if server {
      // OpenSSL would send two with the end of the handshake; the engine sends one with the first data.
      try check(unsafe SSL_CTX_set_num_tickets(pointer, 0), "cannot set the number of tickets")
    }
    unsafe SSL_CTX_set_verify(pointer, SSL_VERIFY_NONE, nil)
    try check(unsafe te_ctx_set_min_version(pointer, minimum.openSSLNumber), "cannot set the TLS version")
    try check(unsafe SSL_CTX_set_cipher_list(pointer, Self.ciphers12), "cannot set the TLS 1.2 ciphers")
    try check(unsafe SSL_CTX_set_ciphersuites(pointer, Self.ciphers13), "cannot set the TLS 1.3 ciphers")
    if unsafe te_ctx_set_groups(pointer, Self.hybridGroups) != 1 {
      ErrorQueue.clear()
      try check(unsafe te_ctx_set_groups(pointer, Self.classicGroups), "cannot set the TLS groups")
    }
  }

  deinit { unsafe SSL_CTX_free(pointer) }

  func use(_ identity: TLSIdentity) throws(CryptoError) {
    ErrorQueue.clear()
    for (index, certificate) in identity.handles.enumerated() {
      let result =
        index == 0
        ? unsafe SSL_CTX_use_certificate(pointer, certificate.pointer)
        : unsafe te_ctx_add_chain_certificate(pointer, certificate.pointer)
      guard result == 1 else {
        throw .library("the certificate \(identity.chain[index].subject) cannot be used", .certificate)
      }
    }
    guard unsafe SSL_CTX_use_PrivateKey(pointer, identity.key.handle.pointer) == 1 else {
      throw .library("the key of \(identity.leaf.subject) cannot be used", .certificate)
    }
  }

  /// Asks clients for a certificate. The callback of the listener says what becomes of it.
  func ask(_ clients: TLSServerContext.Clients) throws(CryptoError) {
    let mode = SSL_VERIFY_PEER | (clients.isRequired ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0)
    unsafe SSL_CTX_set_verify(pointer, mode, nil)
    unsafe te_ctx_set_max_cert_list(pointer, ClientCertificateVerifier.longestChain)
    // Browsers offer only certificates of these.
    for authority in clients.verifier.authorities.prefix(ClientCertificateVerifier.announcedAuthorities) {
      let handle = try X509Handle(der: authority.der)
      try check(unsafe SSL_CTX_add_client_CA(pointer, handle.pointer), "cannot announce \(authority.subject)")
    }
  }

  /// The wire form of a list of protocol names (RFC 7301).
  static func wire(_ protocols: [String]) throws(CryptoError) -> [UInt8] {
    var wire: [UInt8] = []
    for name in protocols {
      guard (1...255).contains(name.utf8.count) else {
        throw CryptoError(.malformed, "An ALPN name has 1 to 255 bytes.")
      }
      wire.append(UInt8(name.utf8.count))
      wire += name.utf8
    }
    return wire
  }
}
