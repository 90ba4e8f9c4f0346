internal import COpenSSL
internal import Glibc

/// What OpenSSL asks a server about certificates, its own and the client's.

/// A client wants to know whether our certificate was revoked (RFC 6066 section 8).
func stapleWanted(_ ssl: OpaquePointer?, _ argument: UnsafeMutableRawPointer?) -> Int32 {
  guard let ssl = unsafe ssl, let argument = unsafe argument, let shown = unsafe SSL_get_certificate(ssl) else {
    return SSL_TLSEXT_ERR_NOACK
  }
  let context = unsafe Unmanaged<TLSServerContext>.fromOpaque(argument).takeUnretainedValue()
  guard let staple = unsafe context.staple(for: shown, at: Int64(time(nil))),
    unsafe te_set_ocsp_response(ssl, staple.bytes, staple.bytes.count) == 1
  else { return SSL_TLSEXT_ERR_NOACK }
  return SSL_TLSEXT_ERR_OK
}

/// A client showed a certificate. Where a good one is required the handshake ends here with the fitting alert; else it goes
/// on, and each request is judged by what was shown.
func clientCertificateArrived(_ verification: OpaquePointer?, _ argument: UnsafeMutableRawPointer?) -> Int32 {
  guard let verification = unsafe verification, let argument = unsafe argument else { return 0 }
  let context = unsafe Unmanaged<TLSServerContext>.fromOpaque(argument).takeUnretainedValue()
  unsafe X509_STORE_CTX_set_error(verification, X509_V_OK)
  guard let clients = context.clients, clients.isRequired else { return 1 }
  guard let leaf = unsafe X509_STORE_CTX_get0_cert(verification) else { return 0 }
  var others: [X509Handle] = []
  let sent = unsafe X509_STORE_CTX_get0_untrusted(verification)
  for index in 0..<max(0, unsafe te_x509_count(sent)) {
    guard let certificate = unsafe te_x509_at(sent, index) else { continue }
    unsafe X509_up_ref(certificate)
    others.append(unsafe X509Handle(certificate))
  }
  unsafe X509_up_ref(leaf)
  let peer = unsafe PeerCertificates(leaf: X509Handle(leaf), intermediates: others)
  let (verdict, code) = clients.verifier.judge(peer, at: Int64(time(nil)))
  if case .valid = verdict { return 1 }
  unsafe X509_STORE_CTX_set_error(verification, code)
  return 0
}

/// A session is about to become a ticket.
func ticketIsMade(_ ssl: OpaquePointer?, _ argument: UnsafeMutableRawPointer?) -> Int32 {
  guard let ssl = unsafe ssl else { return 0 }
  return unsafe TLSEngine.keepChain(of: ssl) ? 1 : 0
}
