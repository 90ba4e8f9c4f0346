/// What policies ask of a visitor's TLS certificate.
package struct ClientCertificate: Sendable, Equatable {
  /// SHA-256 of the certificate.
  package var fingerprint: [UInt8]
  /// SHA-256 of its public key (SubjectPublicKeyInfo).
  package var keyHash: [UInt8]
  package var dnsNames: [String]
  package var emailAddresses: [String]
  package var uris: [String]

  package init(
    fingerprint: [UInt8], keyHash: [UInt8], dnsNames: [String] = [], emailAddresses: [String] = [], uris: [String] = []
  ) {
    self.fingerprint = fingerprint
    self.keyHash = keyHash
    self.dnsNames = dnsNames
    self.emailAddresses = emailAddresses
    self.uris = uris
  }
}

/// What a connection says of its visitor's certificate.
package enum ShownCertificate: Sendable, Equatable {
  /// None was asked for: no authority of clients is configured, or it is no TLS.
  case notAsked
  case missing
  /// Its holder is proved, but no authority that counts vouches for it now.
  case invalid(ClientCertificate)
  case valid(ClientCertificate)
}

/// `client_certificate`: all of what is written must hold.
struct CertificateMatcher: Sendable, Equatable {
  enum Condition: Sendable, Equatable {
    case fingerprint(among: [[UInt8]])
    case keyHash(among: [[UInt8]])
    case dnsName(StringMatcher)
    case emailAddress(StringMatcher)
    case uri(StringMatcher)
  }

  /// Never empty.
  var conditions: [Condition]

  func matches(_ certificate: ClientCertificate) -> Bool {
    conditions.allSatisfy { condition in
      switch condition {
      case .fingerprint(let known): known.contains(certificate.fingerprint)
      case .keyHash(let known): known.contains(certificate.keyHash)
      case .dnsName(let matcher): certificate.dnsNames.contains { matcher.matches($0) }
      case .emailAddress(let matcher): certificate.emailAddresses.contains { matcher.matches($0) }
      case .uri(let matcher): certificate.uris.contains { matcher.matches($0) }
      }
    }
  }
}
