/// What a criterion wants and what it was shown, for explanations.
extension CriterionTest {
  /// In the policy's own words: `is "bob@example.com"`, `has "admins"`.
  var wanted: String {
    switch self {
    case .accept, .reject, .authenticatedUser, .corsPreflight, .pomeriumRoutes, .sshUsernameMatchesEmail,
      .invalidClientCertificate,
      .device:
      ""
    case .clientCertificate(let matcher): matcher.words
    case .user(let matcher), .email(let matcher), .domain(let matcher), .serviceAccount(let matcher),
      .httpMethod(let matcher), .httpPath(let matcher), .sshUsername(let matcher):
      matcher.words
    case .groups(let matcher), .claim(_, let matcher): matcher.words
    case .sourceIP(let ranges): "in " + Words.list(ranges.map { $0.description })
    case .sshUsernameMatchesClaim(let path): path.text
    case .sshPublicKey(let blobs): blobs.count == 1 ? "is one key" : "is one of \(blobs.count) keys"
    case .sshCertificateAuthority(let blobs):
      blobs.count == 1 ? "is one authority" : "is one of \(blobs.count) authorities"
    case .sshForwardHost(let patterns): "is " + Words.list(patterns.map { Words.quoted($0.text) })
    case .time(let window): window.words
    }
  }

  /// What the request brought to compare with it; `nil` where there is nothing.
  func seen(in request: AccessRequest, subject: Subject?) -> String? {
    switch self {
    case .accept, .reject: return nil
    case .corsPreflight: return request.isCORSPreflight ? "a preflight" : "no preflight"
    case .sourceIP: return request.sourceAddress.map(Words.quoted) ?? Words.nothing
    case .httpMethod: return request.method.map(Words.quoted) ?? Words.nothing
    case .httpPath, .pomeriumRoutes: return request.path.map(Words.quoted) ?? Words.nothing
    case .sshUsername, .sshUsernameMatchesEmail, .sshUsernameMatchesClaim:
      return request.sshUsername.map(Words.quoted) ?? Words.nothing
    case .sshPublicKey: return request.sshPublicKey == nil ? Words.nothing : "another key"
    case .sshCertificateAuthority:
      guard let certificate = request.sshCertificate else { return "no certificate" }
      let names = certificate.principals.isEmpty ? "any name" : Words.list(certificate.principals.map(Words.quoted))
      return "a certificate for \(names) until \(CivilTime(certificate.expiresAt).text)"
    case .sshForwardHost:
      guard case .name(let name) = request.forwardHost else { return Words.nothing }
      return Words.quoted(name)
    case .time(let window): return window.words(for: request.now)
    case .clientCertificate, .invalidClientCertificate:
      return switch request.certificate {
      case .notAsked: Words.nothing
      case .missing: "no certificate"
      case .invalid(let certificate): "an invalid certificate, \(Words.hex(certificate.fingerprint))"
      case .valid(let certificate): "the certificate \(Words.hex(certificate.fingerprint))"
      }
    case .authenticatedUser, .user, .email, .domain, .groups, .claim, .serviceAccount, .device: break
    }
    guard let subject else { return "nobody signed in" }
    if case .serviceAccount = self { return subject.serviceAccount.map(Words.quoted) ?? "a person" }
    if let account = subject.serviceAccount { return "the service account \(Words.quoted(account))" }
    switch self {
    case .user: return Words.quoted(subject.userID)
    case .email, .domain:
      guard let email = subject.email, !email.isEmpty else { return Words.nothing }
      return Words.quoted(email) + (subject.emailIsTrusted ? "" : ", which the provider has not verified")
    case .groups:
      return Words.list(subject.groupValues.array.map(Words.text))
    case .claim(let path, _): return Words.list(path.values(in: subject.claims).array.map(Words.text))
    case .accept, .reject, .authenticatedUser, .serviceAccount, .corsPreflight, .pomeriumRoutes, .sourceIP, .httpMethod,
      .httpPath,
      .sshUsername, .sshUsernameMatchesEmail, .sshUsernameMatchesClaim, .sshPublicKey, .clientCertificate,
      .invalidClientCertificate, .sshCertificateAuthority, .sshForwardHost, .time:
      return nil
    case .device: return "no device: none can be enrolled here"
    }
  }
}

extension StringMatcher {
  fileprivate var words: String {
    conditions.map { condition in
      switch condition {
      case .equals(let text): "is \(Words.quoted(text))"
      case .differs(let text): "is not \(Words.quoted(text))"
      case .contains(let text): "contains \(Words.quoted(text))"
      case .startsWith(let text): "starts with \(Words.quoted(text))"
      case .endsWith(let text): "ends with \(Words.quoted(text))"
      case .isOne(let texts): "is in \(Words.list(texts.map(Words.quoted)))"
      case .isNone(let texts): "is not in \(Words.list(texts.map(Words.quoted)))"
      }
    }.joined(separator: " and ")
  }
}

extension ListMatcher {
  fileprivate var words: String {
    conditions.map { condition in
      switch condition {
      case .has(let value): "has \(Words.text(value))"
      case .isOnly(let value): "is only \(Words.text(value))"
      case .excludes(let value): "excludes \(Words.text(value))"
      }
    }.joined(separator: " and ")
  }
}

extension CertificateMatcher {
  fileprivate var words: String {
    conditions.map { condition in
      switch condition {
      case .fingerprint(let known): "fingerprint is in " + Words.list(known.map(Words.hex))
      case .keyHash(let known): "the key's hash is in " + Words.list(known.map(Words.hex))
      case .dnsName(let matcher): "a DNS name " + matcher.words
      case .emailAddress(let matcher): "an email address " + matcher.words
      case .uri(let matcher): "a URI " + matcher.words
      }
    }.joined(separator: " and ")
  }
}

/// Values in explanations; lists and texts are cut where they would fill a screen.
private enum Words {
  static let nothing = "nothing"
  private static let longestList = 20
  private static let longestText = 200

  static func quoted(_ text: String) -> String {
    text.count > longestText ? "\"\(text.prefix(longestText))…\"" : "\"\(text)\""
  }

  static func list(_ items: [String]) -> String {
    guard !items.isEmpty else { return nothing }
    let rest = items.count - longestList
    return items.prefix(longestList).joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
  }

  static func hex(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  static func text(_ value: ClaimValue) -> String {
    switch value {
    case .null: nothing
    case .bool(let flag): flag ? "true" : "false"
    case .number(let number): Int64(exactly: number).map(String.init) ?? String(number)
    case .string(let text): quoted(text)
    case .list(let values): "[\(list(values.map(Self.text)))]"
    case .object: "an object"
    }
  }
}
