internal import COpenSSL

/// An OCSP response (RFC 6960) that a server shows beside its certificate, so that visitors need not ask the authority.
package struct OCSPStaple: Sendable, Equatable {
  /// DER, as it is sent.
  package let bytes: [UInt8]
  /// Seconds since 1970; nil when it does not say until when it holds.
  package let nextUpdate: Int64?

  /// Responses are a few hundred bytes to a few thousand.
  private static let limit = 64 << 10

  /// Takes only what says "good" of the first certificate of the chain. Clients check the signature; a wrong one would harm
  /// nobody but those whose certificate it is.
  package init(der: [UInt8], chain: [Certificate]) throws(CryptoError) {
    guard let leaf = chain.first, !der.isEmpty, der.count <= Self.limit else {
      throw CryptoError(.malformed, "An OCSP response has 1 to \(Self.limit) bytes.")
    }
    let own = try X509Handle(der: leaf.der)
    let issuer = chain.count > 1 ? try X509Handle(der: chain[1].der) : nil
    var next: Int64 = 0
    ErrorQueue.clear()
    let status = unsafe te_ocsp_status(der, der.count, own.pointer, issuer?.pointer, &next)
    ErrorQueue.clear()
    switch status {
    case V_OCSP_CERTSTATUS_GOOD: break
    case V_OCSP_CERTSTATUS_REVOKED:
      throw CryptoError(.certificate, "The OCSP response says that the certificate \(leaf.subject) is revoked.")
    case V_OCSP_CERTSTATUS_UNKNOWN:
      throw CryptoError(.certificate, "The OCSP responder does not know the certificate \(leaf.subject).")
    case -1: throw CryptoError(.keyMismatch, "The OCSP response is not about the certificate \(leaf.subject).")
    default: throw CryptoError(.malformed, "This is no successful OCSP response in DER form.")
    }
    bytes = der
    nextUpdate = next > 0 ? next : nil
  }

  /// What is out of date is not shown: clients would take it for a fault.
  func isGood(at now: Int64) -> Bool { nextUpdate.map { $0 > now } ?? true }
}
