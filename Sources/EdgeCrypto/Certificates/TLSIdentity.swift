internal import COpenSSL

/// What a TLS server proves itself with: a certificate, those that link it to a root, and its key.
package final class TLSIdentity: Sendable {
  package enum Validity: Sendable, Equatable {
    case valid(secondsLeft: Int64)
    case notYetValid
    case expired
  }

  /// The leaf first.
  package let chain: [Certificate]
  package let leaf: Certificate
  let key: PrivateKey
  let handles: [X509Handle]
  package let staple: OCSPStaple?

  /// `ocspResponse`: DER.
  package init(
    certificateChainPEM: String, privateKeyPEM: String, ocspResponse: [UInt8]? = nil
  ) throws(CryptoError) {
    chain = try Certificate.chain(pem: certificateChainPEM)
    guard let leaf = chain.first else { throw CryptoError(.certificate, "The chain is empty.") }
    self.leaf = leaf
    key = try PrivateKey(text: privateKeyPEM)
    guard leaf.publicKey == key.publicKey else {
      throw CryptoError(
        .keyMismatch, "The private key does not belong to the first certificate of the chain (\(leaf.subject)).")
    }
    var handles: [X509Handle] = []
    for certificate in chain { handles.append(try X509Handle(der: certificate.der)) }
    self.handles = handles
    var staple: OCSPStaple?
    if let ocspResponse { staple = try OCSPStaple(der: ocspResponse, chain: chain) }
    self.staple = staple
  }

  /// DNS names and addresses that the certificate is for, in lower case.
  package var names: [String] { leaf.dnsNames + leaf.ipAddresses }

  /// Two identities for one name serve together when their keys are of different kinds.
  enum KeyKind: Hashable { case rsa, ecdsa, other }

  var keyKind: KeyKind {
    switch leaf.publicKey?.type {
    case .rsa: .rsa
    case .ecdsa: .ecdsa
    case .ed25519, nil: .other
    }
  }

  package func validity(at unixSeconds: Int64) -> Validity {
    if unixSeconds < leaf.notBefore { return .notYetValid }
    if unixSeconds > leaf.notAfter { return .expired }
    return .valid(secondsLeft: leaf.notAfter - unixSeconds)
  }
}
