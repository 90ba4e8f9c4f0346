/// What a criterion says of a request, and the reference's name for it.
struct CriterionAnswer: Equatable {
  var matched: Bool
  var reason: String
}

/// The request as one criterion sees it.
struct CriterionQuestion {
  let request: AccessRequest
  /// Who asks, if the session is still alive.
  let subject: Subject?
  /// Whether the criterion being true works towards access. Where it does, an address that is not trusted never matches;
  /// where it works against, such an address counts as empty, so that nobody escapes a `deny` by leaving it unverified.
  let helpsAccess: Bool

  func answer(_ test: CriterionTest) -> CriterionAnswer {
    switch test {
    case .accept: CriterionAnswer(matched: true, reason: "accept")
    case .reject: CriterionAnswer(matched: true, reason: "reject")
    case .corsPreflight: answer(request.isCORSPreflight, "cors-request", else: "non-cors-request")
    case .sourceIP(let ranges): answer(comes(from: ranges), "source-ip-ok", else: "source-ip-unauthorized")
    case .httpMethod(let matcher):
      answer(matcher.matches(request.method ?? ""), "http-method-ok", else: "http-method-unauthorized")
    case .httpPath(let matcher):
      answer(matcher.matches(request.path ?? ""), "http-path-ok", else: "http-path-unauthorized")
    case .sshUsername(let matcher):
      answer(matcher.matches(request.sshUsername ?? ""), "ssh-username-ok", else: "ssh-username-unauthorized")
    case .sshPublicKey(let blobs):
      answer(usesKey(among: blobs), "ssh-publickey-ok", else: ReasonName.keyUnauthorized)
    case .sshCertificateAuthority(let blobs):
      answer(wasCertified(by: blobs), "ssh-publickey-ok", else: ReasonName.keyUnauthorized)
    case .clientCertificate(let matcher):
      answer(certificateMatches(matcher), "client-certificate-ok", else: "client-certificate-unauthorized")
    case .invalidClientCertificate: answerAboutCertificate()
    case .time(let window):
      answer(window.contains(request.now), "\(window.reasonStem)-ok", else: "\(window.reasonStem)-unauthorized")
    case .authenticatedUser, .user, .email, .domain, .groups, .claim, .serviceAccount, .sshUsernameMatchesEmail,
      .sshUsernameMatchesClaim, .sshForwardHost, .device:
      answerAboutSubject(test)
    }
  }

  /// Nobody signed in: false, and signing in may change it.
  private func answerAboutSubject(_ test: CriterionTest) -> CriterionAnswer {
    guard let subject else { return CriterionAnswer(matched: false, reason: ReasonName.unauthenticated) }
    if subject.serviceAccount != nil { return answer(test, serviceAccount: subject) }
    return answer(test, person: subject)
  }

  private func answer(_ test: CriterionTest, person: Subject) -> CriterionAnswer {
    switch test {
    case .authenticatedUser: CriterionAnswer(matched: true, reason: "user-ok")
    case .user(let matcher): answer(matcher.matches(person.userID), "user-ok", else: "user-unauthorized")
    case .email(let matcher): answer(addressMatches(person, matcher, \.self), "email-ok", else: "email-unauthorized")
    case .domain(let matcher):
      answer(addressMatches(person, matcher, \.domainPart), "domain-ok", else: "domain-unauthorized")
    case .groups(let matcher): answer(matcher.matches(groups(of: person)), "groups-ok", else: "groups-unauthorized")
    case .claim(let path, let matcher):
      answer(matcher.matches(path.values(in: person.claims)), "claim-ok", else: "claim-unauthorized")
    case .sshUsernameMatchesEmail:
      answer(usernameIsLocalPart(of: person), "ssh-username-ok", else: "ssh-username-unauthorized")
    case .sshUsernameMatchesClaim(let path):
      answer(username(isAmong: path.values(in: person.claims)), "ssh-username-ok", else: "ssh-username-unauthorized")
    case .sshForwardHost(let patterns):
      answer(mayHaveName(person, patterns), "ssh-forward-host-ok", else: "ssh-forward-host-unauthorized")
    case .device: CriterionAnswer(matched: false, reason: "device-unauthorized")
    case .serviceAccount, .accept, .reject, .sourceIP, .httpMethod, .httpPath, .corsPreflight, .sshUsername,
      .sshPublicKey, .sshCertificateAuthority, .clientCertificate, .invalidClientCertificate, .time:
      // A person is no service account; the others are not about the subject.
      CriterionAnswer(matched: false, reason: "service-account-unauthorized")
    }
  }

  /// Security rule 13: only its own criterion can be true of a service account.
  private func answer(_ test: CriterionTest, serviceAccount subject: Subject) -> CriterionAnswer {
    guard case .serviceAccount(let matcher) = test, let name = subject.serviceAccount, matcher.matches(name) else {
      return CriterionAnswer(matched: false, reason: "service-account-unauthorized")
    }
    return CriterionAnswer(matched: true, reason: "service-account-ok")
  }

  private func answer(_ matched: Bool, _ yes: String, else no: String) -> CriterionAnswer {
    CriterionAnswer(matched: matched, reason: matched ? yes : no)
  }

  private func addressMatches(_ person: Subject, _ matcher: StringMatcher, _ part: (String) -> String) -> Bool {
    if let email = person.email, !email.isEmpty, person.emailIsTrusted { return matcher.matches(part(email)) }
    return helpsAccess ? false : matcher.matches("")
  }

  private func groups(of person: Subject) -> [ClaimValue] {
    person.groups.isEmpty ? ClaimPath(text: "groups").values(in: person.claims) : person.groups.map { .string($0) }
  }

  private func usernameIsLocalPart(of person: Subject) -> Bool {
    guard let username = request.sshUsername, !username.isEmpty, let email = person.email, person.emailIsTrusted,
      let local = email.localPart
    else { return false }
    return username.isSame(as: local)
  }

  private func username(isAmong values: [ClaimValue]) -> Bool {
    guard let username = request.sshUsername, !username.isEmpty else { return false }
    return values.contains { value in
      if case .string(let text) = value { return text.isSame(as: username) }
      return false
    }
  }

  private func mayHaveName(_ person: Subject, _ patterns: [ForwardHostPattern]) -> Bool {
    switch request.forwardHost {
    case nil: false
    case .any: helpsAccess
    case .name(let name): patterns.contains { $0.matches(name, of: person) }
    }
  }

  private func comes(from ranges: [AddressRange]) -> Bool {
    guard let text = request.sourceAddress, let address = IPAddress(text) else { return false }
    return ranges.contains { $0.contains(address) }
  }

  /// What nobody vouches for proves nothing in favour of its holder, and counts against them all the same.
  private func certificateMatches(_ matcher: CertificateMatcher) -> Bool {
    switch request.certificate {
    case .notAsked, .missing: false
    case .invalid(let certificate): helpsAccess ? false : matcher.matches(certificate)
    case .valid(let certificate): matcher.matches(certificate)
    }
  }

  private func answerAboutCertificate() -> CriterionAnswer {
    switch request.certificate {
    case .notAsked, .valid: CriterionAnswer(matched: false, reason: "client-certificate-ok")
    case .missing: CriterionAnswer(matched: true, reason: ReasonName.certificateRequired)
    case .invalid: CriterionAnswer(matched: true, reason: ReasonName.certificateInvalid)
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

/// Reasons that decide what the refused one is told.
enum ReasonName {
  static let unauthenticated = "user-unauthenticated"
  static let keyUnauthorized = "ssh-publickey-unauthorized"
  static let certificateRequired = "client-certificate-required"
  static let certificateInvalid = "invalid-client-certificate"
}

extension String {
  /// After the last `@`; empty when there is none.
  fileprivate var domainPart: String {
    lastIndex(of: "@").map { String(self[index(after: $0)...]) } ?? ""
  }

  /// Before the last `@`; none when it is empty.
  fileprivate var localPart: String? {
    guard let at = lastIndex(of: "@"), at > startIndex else { return nil }
    return String(self[..<at])
  }
}
