import EdgeCrypto
import Routing
import Synchronization

/// What TLS to services needs, made once for each way of checking them: reading the system's authorities takes a while.
/// Asked once for each route and loop.
final class UpstreamTLSContexts: Sendable {
  private struct Way: Hashable {
    var settings: UpstreamTLSSettings
    var onlyHTTP1: Bool
  }

  private static let limit = 256
  private let made = Mutex<[Way: TLSClientContext]>([:])

  func context(_ settings: UpstreamTLSSettings, onlyHTTP1: Bool) throws(CryptoError) -> TLSClientContext {
    let way = Way(settings: settings, onlyHTTP1: onlyHTTP1)
    if let known = made.withLock({ $0[way] }) { return known }
    let context = try TLSClientContext(settings, alpn: onlyHTTP1 ? ["http/1.1"] : ["h2", "http/1.1"])
    made.withLock {
      if $0.count >= Self.limit { $0.removeAll() }
      $0[way] = context
    }
    return context
  }
}

extension TLSClientContext {
  /// Fails when a certificate or key is none.
  package convenience init(_ settings: UpstreamTLSSettings, alpn: [String] = ["http/1.1"]) throws(CryptoError) {
    var identity: TLSIdentity?
    if let certificate = settings.clientCertificate, let key = settings.clientKey {
      identity = try TLSIdentity(certificateChainPEM: certificate, privateKeyPEM: key)
    }
    try self.init(
      trust: settings.certificateAuthority.map { .systemAnd(pem: $0) } ?? .system,
      verification: settings.skipsVerification ? .none : .full, alpn: alpn, identity: identity)
  }
}
