import EdgeCrypto
import Routing
import Synchronization

/// What TLS to services needs, made once for each way of checking them: reading the system's authorities takes a while.
final class UpstreamTLSContexts: Sendable {
  private static let limit = 256
  private let made = Mutex<[UpstreamTLSSettings: TLSClientContext]>([:])

  func context(_ settings: UpstreamTLSSettings) throws(CryptoError) -> TLSClientContext {
    if let known = made.withLock({ $0[settings] }) { return known }
    let context = try TLSClientContext(settings)
    made.withLock {
      if $0.count >= Self.limit { $0.removeAll() }
      $0[settings] = context
    }
    return context
  }
}

extension TLSClientContext {
  /// Fails when a certificate or key is none.
  package convenience init(_ settings: UpstreamTLSSettings) throws(CryptoError) {
    var identity: TLSIdentity?
    if let certificate = settings.clientCertificate, let key = settings.clientKey {
      identity = try TLSIdentity(certificateChainPEM: certificate, privateKeyPEM: key)
    }
    try self.init(
      trust: settings.certificateAuthority.map { .systemAnd(pem: $0) } ?? .system,
      verification: settings.skipsVerification ? .none : .full, alpn: ["http/1.1"], identity: identity)
  }
}
