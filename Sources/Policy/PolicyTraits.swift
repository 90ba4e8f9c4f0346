/// What the answers of a policy depend on, known once it is read.
struct PolicyTraits: OptionSet {
  let rawValue: UInt8

  /// More than who asks and the connection: the method, the path, the address, the ssh login.
  static let request = PolicyTraits(rawValue: 1)
  /// Who asks.
  static let subject = PolicyTraits(rawValue: 2)
  /// The certificate of the visitor's connection.
  static let certificate = PolicyTraits(rawValue: 4)
  /// The address a request comes from.
  static let address = PolicyTraits(rawValue: 8)

  init(rawValue: UInt8) { self.rawValue = rawValue }

  init(_ rules: [Rule]) {
    self = []
    for criterion in rules.lazy.flatMap(\.groups).flatMap(\.criteria) { formUnion(criterion.test.traits) }
  }
}

extension CriterionTest {
  var traits: PolicyTraits {
    switch self {
    case .accept, .reject, .time: []
    case .authenticatedUser, .user, .email, .domain, .groups, .claim, .serviceAccount, .device: .subject
    case .clientCertificate, .invalidClientCertificate: .certificate
    case .sourceIP: [.request, .address]
    case .httpMethod, .httpPath, .corsPreflight, .pomeriumRoutes, .sshUsername, .sshPublicKey,
      .sshCertificateAuthority:
      .request
    case .sshUsernameMatchesEmail, .sshUsernameMatchesClaim, .sshForwardHost: [.request, .subject]
    }
  }
}
