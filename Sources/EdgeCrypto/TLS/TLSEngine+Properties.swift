internal import COpenSSL

/// What the handshake agreed on.
extension TLSEngine {
  package var alpn: String? {
    var name: UnsafePointer<UInt8>?
    var count: UInt32 = 0
    unsafe SSL_get0_alpn_selected(handle, &name, &count)
    guard let name = unsafe name, count > 0 else { return nil }
    return unsafe String(decoding: UnsafeBufferPointer(start: name, count: Int(count)), as: UTF8.self)
  }

  package var version: TLSVersion? {
    isHandshakeComplete ? TLSVersion(openSSLNumber: unsafe SSL_version(handle)) : nil
  }

  /// The standard (RFC) name of the cipher suite; empty before the handshake is complete.
  package var cipher: String {
    guard isHandshakeComplete, let cipher = unsafe SSL_get_current_cipher(handle),
      let name = unsafe SSL_CIPHER_standard_name(cipher)
    else { return "" }
    return unsafe String(cString: name)
  }

  package var isResumed: Bool { unsafe SSL_session_reused(handle) == 1 }

  /// The certificate that the peer proved; nil when it showed none.
  package var peerCertificate: Certificate? {
    guard let certificate = unsafe SSL_get1_peer_certificate(handle) else { return nil }
    return try? Certificate(unsafe X509Handle(certificate))
  }
}
