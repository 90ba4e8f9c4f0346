/// What a criterion says of a request, and the reference's name for it.
struct CriterionAnswer: Equatable {
  var matched: Bool
  var reason: ReasonName

  init(_ matched: Bool, _ reason: ReasonName) {
    self.matched = matched
    self.reason = reason
  }
}

/// The request as criteria see it: made once for all of them, with everything read that several may ask for.
struct CriterionQuestion {
  private let request: AccessRequest
  /// Who asks, if the session is still alive.
  let subject: Subject?
  private let isSignedIn: Bool
  let isServiceAccount: Bool
  private let userID: String
  /// The address, if criteria may look at it (security rule 29), and its parts.
  private let email: String?
  private let domain: Substring
  private let claims: [String: ClaimValue]
  private let groups: ClaimValues
  /// The source address.
  private let address: IPAddress?

  /// - Parameter readsAddress: some criterion will ask where the request comes from.
  init(_ request: AccessRequest, readsAddress: Bool = true) {
    self.request = request
    let subject = request.liveSubject
    self.subject = subject
    isSignedIn = subject != nil
    isServiceAccount = subject?.serviceAccount != nil
    userID = subject?.userID ?? ""
    email = subject?.trustedEmail
    domain = email?.domainPart ?? ""
    claims = subject?.claims ?? [:]
    groups = subject?.groupValues ?? .none
    address = readsAddress ? request.sourceAddress.flatMap { IPAddress($0) } : nil
  }

  var now: UnixTime { request.now }

  /// When the ssh certificate, if there is one, is not valid any more.
  var certificateEnds: UnixTime? { request.sshCertificate.flatMap { $0.expiresAt > now ? $0.expiresAt : nil } }

  /// - Parameter helpsAccess: whether the criterion being true works towards access. Where it does, an address that is not
  ///   trusted never matches; where it works against, such an address counts as empty, so that nobody escapes a `deny` by
  ///   leaving it unverified.
  func answer(_ test: CriterionTest, helpsAccess: Bool) -> CriterionAnswer {
    switch test {
    case .accept: CriterionAnswer(true, .accept)
    // It refuses wherever it stands: the reference's documentation takes it for true and its code for false.
    case .reject: CriterionAnswer(!helpsAccess, .reject)
    case .corsPreflight: answer(request.isCORSPreflight, .corsRequest, else: .nonCORSRequest)
    case .pomeriumRoutes: answer(request.path?.isOwnPath == true, .pomeriumRoute, else: .nonPomeriumRoute)
    case .sourceIP(let ranges):
      answer(
        address.map { from in ranges.contains { $0.contains(from) } } ?? false, .sourceIPOK, else: .sourceIPUnauthorized
      )
    case .httpMethod(let matcher):
      answer(matcher.matches(request.method ?? ""), .httpMethodOK, else: .httpMethodUnauthorized)
    case .httpPath(let matcher):
      answer(matcher.matches(request.path ?? ""), .httpPathOK, else: .httpPathUnauthorized)
    case .sshUsername(let matcher):
      answer(matcher.matches(request.sshUsername ?? ""), .sshUsernameOK, else: .sshUsernameUnauthorized)
    case .sshPublicKey(let blobs):
      answer(usesKey(among: blobs), .sshPublicKeyOK, else: .sshPublicKeyUnauthorized)
    case .sshCertificateAuthority(let blobs):
      answer(wasCertified(by: blobs), .sshPublicKeyOK, else: .sshPublicKeyUnauthorized)
    case .clientCertificate(let matcher):
      answer(
        certificateMatches(matcher, helpsAccess), .clientCertificateOK, else: .clientCertificateUnauthorized)
    case .invalidClientCertificate: answerAboutCertificate()
    case .time(let window): answer(about: window)
    case .authenticatedUser, .user, .email, .domain, .groups, .claim, .serviceAccount, .sshUsernameMatchesEmail,
      .sshUsernameMatchesClaim, .sshForwardHost, .device:
      answerAboutSubject(test, helpsAccess)
    }
  }

  /// Nobody signed in: false, and signing in may change it.
  private func answerAboutSubject(_ test: CriterionTest, _ helpsAccess: Bool) -> CriterionAnswer {
    guard isSignedIn else { return CriterionAnswer(false, .userUnauthenticated) }
    return isServiceAccount ? answerOfServiceAccount(test) : answerOfPerson(test, helpsAccess)
  }

  private func answerOfPerson(_ test: CriterionTest, _ helpsAccess: Bool) -> CriterionAnswer {
    switch test {
    case .authenticatedUser: CriterionAnswer(true, .userOK)
    case .user(let matcher): answer(matcher.matches(userID), .userOK, else: .userUnauthorized)
    case .email(let matcher):
      answer(
        email.map { matcher.matches(address: $0, helpsAccess: helpsAccess) } ?? (!helpsAccess && matcher.matches("")),
        .emailOK, else: .emailUnauthorized)
    case .domain(let matcher):
      answer(
        email == nil
          ? !helpsAccess && matcher.matches("") : matcher.matches(address: domain, helpsAccess: helpsAccess),
        .domainOK, else: .domainUnauthorized)
    case .groups(let matcher): answer(matcher.matches(groups), .groupsOK, else: .groupsUnauthorized)
    case .claim(let path, let matcher):
      answer(matcher.matches(path.values(in: claims)), .claimOK, else: .claimUnauthorized)
    case .sshUsernameMatchesEmail: answer(usernameIsLocalPart, .sshUsernameOK, else: .sshUsernameUnauthorized)
    case .sshUsernameMatchesClaim(let path):
      answer(username(isAmong: path.values(in: claims)), .sshUsernameOK, else: .sshUsernameUnauthorized)
    case .sshForwardHost(let patterns):
      answer(mayHaveName(patterns, helpsAccess), .sshForwardHostOK, else: .sshForwardHostUnauthorized)
    // Nobody has a device, so nobody has an approved one: that counts against everybody, and for nobody.
    case .device(let wantsUnapproved):
      answer(wantsUnapproved && !helpsAccess, .deviceOK, else: .deviceUnauthenticated)
    case .serviceAccount, .accept, .reject, .sourceIP, .httpMethod, .httpPath, .corsPreflight, .pomeriumRoutes,
      .sshUsername, .sshPublicKey, .sshCertificateAuthority, .clientCertificate, .invalidClientCertificate, .time:
      // A person is no service account; the others are not about the subject.
      CriterionAnswer(false, .serviceAccountUnauthorized)
    }
  }

  /// Security rule 13: only its own criterion can be true of a service account.
  private func answerOfServiceAccount(_ test: CriterionTest) -> CriterionAnswer {
    guard case .serviceAccount(let matcher) = test, let name = subject?.serviceAccount, matcher.matches(name) else {
      return CriterionAnswer(false, .serviceAccountUnauthorized)
    }
    return CriterionAnswer(true, .serviceAccountOK)
  }

  private func answer(_ matched: Bool, _ yes: ReasonName, else no: ReasonName) -> CriterionAnswer {
    CriterionAnswer(matched, matched ? yes : no)
  }

  private func answer(about window: TimeWindow) -> CriterionAnswer {
    let isNow = window.contains(request.now)
    return switch window {
    case .date: answer(isNow, .dateOK, else: .dateUnauthorized)
    case .weekdays: answer(isNow, .dayOfWeekOK, else: .dayOfWeekUnauthorized)
    case .timeOfDay: answer(isNow, .timeOfDayOK, else: .timeOfDayUnauthorized)
    }
  }

  private var usernameIsLocalPart: Bool {
    guard let username = request.sshUsername, !username.isEmpty, let local = email?.localPart else {
      return false
    }
    return username.isSame(as: local)
  }

  private func username(isAmong values: ClaimValues) -> Bool {
    guard let username = request.sshUsername, !username.isEmpty else { return false }
    return values.hasText { $0.isSame(as: username) }
  }

  private func mayHaveName(_ patterns: [ForwardHostPattern], _ helpsAccess: Bool) -> Bool {
    switch request.forwardHost {
    case nil: return false
    case .any: return helpsAccess
    case .name(let name):
      guard let subject else { return false }
      return patterns.contains { $0.matches(name, of: subject) }
    }
  }

  /// What nobody vouches for proves nothing in favour of its holder, and counts against them all the same.
  private func certificateMatches(_ matcher: CertificateMatcher, _ helpsAccess: Bool) -> Bool {
    switch request.certificate {
    case .notAsked, .missing: false
    case .invalid(let certificate): helpsAccess ? false : matcher.matches(certificate)
    case .valid(let certificate): matcher.matches(certificate)
    }
  }

  private func answerAboutCertificate() -> CriterionAnswer {
    switch request.certificate {
    case .notAsked, .valid: CriterionAnswer(false, .validClientCertificate)
    case .missing: CriterionAnswer(true, .clientCertificateRequired)
    case .invalid: CriterionAnswer(true, .invalidClientCertificate)
    }
  }

  private func wasCertified(by authorities: [[UInt8]]) -> Bool {
    guard let certificate = request.sshCertificate, request.now < certificate.expiresAt,
      authorities.contains(certificate.authority)
    else { return false }
    return certificate.principals.isEmpty
      || certificate.principals.contains { $0.isSame(as: request.sshUsername ?? "") }
  }

  private func usesKey(among blobs: [[UInt8]]) -> Bool {
    guard let key = request.sshPublicKey, !key.isEmpty else { return false }
    return blobs.contains(key)
  }
}

extension AccessRequest {
  /// Who asks, if the session is still alive.
  var liveSubject: Subject? {
    guard let subject, subject.expiresAt > now else { return nil }
    return subject
  }
}

extension Subject {
  /// Never one that the provider does not vouch for.
  fileprivate var trustedEmail: String? {
    guard emailIsTrusted, let email, !email.isEmpty else { return nil }
    return email
  }

  /// The directory's groups, or where there are none the claim's.
  var groupValues: ClaimValues {
    groups.isEmpty ? ClaimPath.groups.values(in: claims) : .texts(groups)
  }
}

extension String {
  /// After the last `@`; empty when there is none.
  fileprivate var domainPart: Substring {
    lastIndex(of: "@").map { self[index(after: $0)...] } ?? ""
  }

  /// Before the last `@`; none when it is empty.
  fileprivate var localPart: Substring? {
    guard let at = lastIndex(of: "@"), at > startIndex else { return nil }
    return self[..<at]
  }

  /// What the edge answers itself.
  fileprivate var isOwnPath: Bool { hasPrefix("/.pomerium/") || self == "/.pomerium" }
}
