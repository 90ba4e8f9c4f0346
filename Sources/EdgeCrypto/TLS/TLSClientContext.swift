internal import COpenSSL

/// How we check the servers we connect to.
package final class TLSClientContext: Sendable {
  package enum Verification: Sendable {
    /// The chain leads to a trusted root and the certificate is for the name asked for.
    case full
    /// The chain only.
    case chainOnly
    /// Nothing is checked.
    case none
  }

  package enum Trust: Sendable {
    case system
    /// These certificates and no others.
    case pem(String)
    case systemAnd(pem: String)
  }

  let context: ContextHandle
  let verification: Verification

  package init(
    trust: Trust = .system, verification: Verification = .full, alpn: [String] = [], minimum: TLSVersion = .v1_2,
    identity: TLSIdentity? = nil
  ) throws(CryptoError) {
    self.verification = verification
    context = try ContextHandle(server: false, minimum: minimum)
    switch verification {
    case .none: break
    case .full, .chainOnly:
      unsafe SSL_CTX_set_verify(context.pointer, SSL_VERIFY_PEER, nil)
      switch trust {
      case .system: try trustSystem()
      case .pem(let pem): try trustCertificates(pem)
      case .systemAnd(let pem):
        try trustSystem()
        try trustCertificates(pem)
      }
    }
    if !alpn.isEmpty {
      let wire = try ContextHandle.wire(alpn)
      // This function alone answers 0 for success.
      guard unsafe SSL_CTX_set_alpn_protos(context.pointer, wire, UInt32(wire.count)) == 0 else {
        throw .library("cannot set the ALPN names")
      }
    }
    if let identity { try context.use(identity) }
  }

  private func trustSystem() throws(CryptoError) {
    try check(unsafe SSL_CTX_set_default_verify_paths(context.pointer), "cannot read the system's certificates")
  }

  private func trustCertificates(_ pem: String) throws(CryptoError) {
    let store = unsafe SSL_CTX_get_cert_store(context.pointer)
    for certificate in try Certificate.roots(pem: pem) {
      let handle = try X509Handle(der: certificate.der)
      try check(unsafe X509_STORE_add_cert(store, handle.pointer), "cannot trust \(certificate.subject)")
    }
  }
}
