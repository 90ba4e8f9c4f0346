internal import COpenSSL

/// The certificate that a peer proved to be its own, and those it sent to link it to an authority.
package struct PeerCertificates: Sendable {
  let leaf: X509Handle
  let intermediates: [X509Handle]

  /// Its own certificate, read; nil when it has parts that cannot be read.
  package var certificate: Certificate? { try? Certificate(leaf) }
}

extension TLSEngine {
  /// More than chains of clients have. What is longer is not kept in a ticket, so a resumption ends with an invalid chain.
  private static let rememberedChain = 12 << 10

  /// What the peer of this connection showed, or had shown when the session that is resumed began. Nil without a certificate.
  package var peerCertificates: PeerCertificates? {
    guard let leaf = unsafe SSL_get1_peer_certificate(handle) else { return nil }
    let own = unsafe X509Handle(leaf)
    var others: [X509Handle] = []
    let sent = unsafe SSL_get_peer_cert_chain(handle)
    for index in 0..<max(0, unsafe te_x509_count(sent)) {
      guard let certificate = unsafe te_x509_at(sent, index) else { continue }
      unsafe X509_up_ref(certificate)
      others.append(unsafe X509Handle(certificate))
    }
    // A ticket carries the certificate itself; what links it to an authority is ours to keep in it.
    if others.isEmpty { others = unsafe Self.chainInTicket(SSL_get_session(handle)) }
    return PeerCertificates(leaf: own, intermediates: others)
  }

  /// Puts what the client sent beside its certificate into the session that becomes a ticket.
  static func keepChain(of ssl: OpaquePointer) -> Bool {
    guard let session = unsafe SSL_get_session(ssl) else { return true }
    let sent = unsafe SSL_get_peer_cert_chain(ssl)
    var kept: [UInt8] = []
    for index in 0..<max(0, unsafe te_x509_count(sent)) {
      guard let certificate = unsafe te_x509_at(sent, index) else { continue }
      kept += unsafe X509Handle.der(of: certificate)
      guard kept.count <= rememberedChain else { return true }
    }
    if kept.isEmpty { return true }
    return unsafe SSL_SESSION_set1_ticket_appdata(session, kept, kept.count) == 1
  }

  private static func chainInTicket(_ session: OpaquePointer?) -> [X509Handle] {
    guard let session = unsafe session else { return [] }
    var data: UnsafeMutableRawPointer?
    var count = 0
    guard unsafe SSL_SESSION_get0_ticket_appdata(session, &data, &count) == 1, let data = unsafe data, count > 0 else {
      return []
    }
    var found: [X509Handle] = []
    var cursor: UnsafePointer<UInt8>? = unsafe UnsafePointer(data.assumingMemoryBound(to: UInt8.self))
    let end = unsafe UnsafePointer(data.assumingMemoryBound(to: UInt8.self)) + count
    while let start = unsafe cursor, unsafe start < end {
      guard let certificate = unsafe d2i_X509(nil, &cursor, end - start) else {
        ErrorQueue.clear()
        break
      }
      found.append(unsafe X509Handle(certificate))
    }
    return found
  }
}
