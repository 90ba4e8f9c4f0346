/// One question of a policy, with the data written beside it.
struct Criterion: Sendable, Equatable {
  /// As written: `email`, `claim/groups`.
  var name: String
  var test: CriterionTest
  var position: SourcePosition = .none

  /// Moved lines are no change of a policy.
  static func == (left: Self, right: Self) -> Bool { left.name == right.name && left.test == right.test }
}

enum CriterionTest: Sendable, Equatable {
  case accept
  case reject
  case authenticatedUser
  case user(StringMatcher)
  case email(StringMatcher)
  case domain(StringMatcher)
  case groups(ListMatcher)
  case claim(ClaimPath, ListMatcher)
  case serviceAccount(StringMatcher)
  case sourceIP([AddressRange])
  case httpMethod(StringMatcher)
  case httpPath(StringMatcher)
  case corsPreflight
  /// Paths of the edge's own, on which no policy is asked.
  case pomeriumRoutes
  case sshUsername(StringMatcher)
  case sshUsernameMatchesEmail
  case sshUsernameMatchesClaim(ClaimPath)
  /// The wire blobs of the keys that may be used.
  case sshPublicKey([[UInt8]])
  /// The wire blobs of authorities, of which one signed the certificate of the key.
  case sshCertificateAuthority([[UInt8]])
  /// The name that is to be published is one of these.
  case sshForwardHost([ForwardHostPattern])
  /// `date`, `day_of_week`, `time_of_day`.
  case time(TimeWindow)
  /// A device that was enrolled, of which there is none: true at most where one without approval is asked for.
  case device(wantsUnapproved: Bool)
  case clientCertificate(CertificateMatcher)
  case invalidClientCertificate
}
