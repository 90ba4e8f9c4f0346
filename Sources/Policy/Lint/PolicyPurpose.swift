/// What a policy decides about: not every criterion has something to look at everywhere.
package enum PolicyPurpose: Sendable, CaseIterable {
  /// Who may visit a web or TCP route.
  case visit
  /// Who may sign in to a host (`from: ssh://…`).
  case login
  /// Who may publish (`ssh_policy`).
  case publish

  /// As messages say it.
  var words: String {
    switch self {
    case .visit: "a visit"
    case .login: "a login by ssh"
    case .publish: "publishing"
    }
  }
}

extension CriterionTest {
  /// Whether requests of this kind bring what it looks at.
  func hasMeaning(for purpose: PolicyPurpose) -> Bool {
    switch self {
    case .accept, .reject, .authenticatedUser, .user, .email, .domain, .groups, .claim, .serviceAccount, .sourceIP,
      .time, .device:
      true
    case .httpMethod, .httpPath, .corsPreflight, .pomeriumRoutes, .clientCertificate, .invalidClientCertificate:
      purpose == .visit
    case .sshUsername, .sshUsernameMatchesEmail, .sshUsernameMatchesClaim, .sshPublicKey, .sshCertificateAuthority:
      purpose != .visit
    case .sshForwardHost: purpose == .publish
    }
  }
}
