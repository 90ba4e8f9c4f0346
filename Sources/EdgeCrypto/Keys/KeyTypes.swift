/// The NIST curves we use.
package enum Curve: Sendable, Hashable, CaseIterable {
  case p256
  case p384
  case p521

  /// Bytes of a coordinate, and of each half of a signature.
  package var coordinateLength: Int {
    switch self {
    case .p256: 32
    case .p384: 48
    case .p521: 66
    }
  }

  package var bitCount: Int {
    switch self {
    case .p256: 256
    case .p384: 384
    case .p521: 521
    }
  }

  /// RFC 5656 section 10.1.
  package var sshName: String {
    switch self {
    case .p256: "nistp256"
    case .p384: "nistp384"
    case .p521: "nistp521"
    }
  }

  /// RFC 7518 section 6.2.1.1.
  package var jwkName: String {
    switch self {
    case .p256: "P-256"
    case .p384: "P-384"
    case .p521: "P-521"
    }
  }

  package init?(sshName: String) {
    guard let curve = Self.allCases.first(where: { $0.sshName == sshName }) else { return nil }
    self = curve
  }

  package init?(jwkName: String) {
    guard let curve = Self.allCases.first(where: { $0.jwkName == jwkName }) else { return nil }
    self = curve
  }

  var openSSLName: String {
    switch self {
    case .p256: "prime256v1"
    case .p384: "secp384r1"
    case .p521: "secp521r1"
    }
  }

  init?(openSSLName: String) {
    guard let curve = Self.allCases.first(where: { $0.openSSLName == openSSLName }) else { return nil }
    self = curve
  }
}

package enum KeyType: Sendable, Hashable {
  case ed25519
  case ecdsa(Curve)
  case rsa
}

/// A signature scheme, bound to the type of key that may use it: a token's header never widens what its key can do.
///
/// ECDSA signatures are r ‖ s, each as wide as a coordinate (the form of JOSE, RFC 7518 section 3.4).
package enum SignatureAlgorithm: Sendable, Hashable {
  case ed25519
  /// With P-256.
  case ecdsaSHA256
  /// With P-384.
  case ecdsaSHA384
  /// With P-521.
  case ecdsaSHA512
  case rsaPKCS1SHA256
  case rsaPKCS1SHA384
  case rsaPKCS1SHA512
  case rsaPSSSHA256
  case rsaPSSSHA384
  case rsaPSSSHA512

  package func fits(_ type: KeyType) -> Bool {
    switch self {
    case .ed25519: type == .ed25519
    case .ecdsaSHA256: type == .ecdsa(.p256)
    case .ecdsaSHA384: type == .ecdsa(.p384)
    case .ecdsaSHA512: type == .ecdsa(.p521)
    case .rsaPKCS1SHA256, .rsaPKCS1SHA384, .rsaPKCS1SHA512, .rsaPSSSHA256, .rsaPSSSHA384, .rsaPSSSHA512: type == .rsa
    }
  }

  var digest: DigestAlgorithm? {
    switch self {
    case .ed25519: nil
    case .ecdsaSHA256, .rsaPKCS1SHA256, .rsaPSSSHA256: .sha256
    case .ecdsaSHA384, .rsaPKCS1SHA384, .rsaPSSSHA384: .sha384
    case .ecdsaSHA512, .rsaPKCS1SHA512, .rsaPSSSHA512: .sha512
    }
  }

  var isPSS: Bool {
    switch self {
    case .rsaPSSSHA256, .rsaPSSSHA384, .rsaPSSSHA512: true
    case .ed25519, .ecdsaSHA256, .ecdsaSHA384, .ecdsaSHA512, .rsaPKCS1SHA256, .rsaPKCS1SHA384, .rsaPKCS1SHA512: false
    }
  }
}
