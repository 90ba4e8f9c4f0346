import Policy

/// A program that publishes without a browser (security rule 13).
package struct ServiceAccount: Sendable, Equatable {
  package var name: String
  /// The wire blobs of its ssh keys.
  package var keys: [[UInt8]]
  package var authorities: [Authority]
  /// Whose tokens speak for it (security rule 14).
  package var workloads: [WorkloadTrust]
  package var expiresAt: UnixTime
  /// Empty: from anywhere.
  package var sources: [AddressRange]
  /// Names it may publish and visit, in lower case.
  package var hosts: Set<String>
  /// SHA-256 of the tokens it shows when it visits (`EdgeToken.Kind.account`).
  package var tokenHashes: Set<[UInt8]>

  /// Who signs certificates for its keys.
  package struct Authority: Sendable, Equatable {
    package var key: [UInt8]
    package var principals: [String]

    package init(key: [UInt8], principals: [String]) {
      self.key = key
      self.principals = principals
    }
  }

  package init(
    name: String, keys: [[UInt8]], authorities: [Authority] = [], workloads: [WorkloadTrust] = [], expiresAt: UnixTime,
    sources: [AddressRange] = [], hosts: Set<String>, tokenHashes: Set<[UInt8]> = []
  ) {
    self.name = name
    self.keys = keys
    self.authorities = authorities
    self.workloads = workloads
    self.expiresAt = expiresAt
    self.sources = sources
    self.hosts = hosts
    self.tokenHashes = tokenHashes
  }
}

extension ServiceAccount {
  /// As policies see it.
  func subject(sessionID: String, until end: UnixTime) -> Subject {
    Subject(
      sessionID: sessionID, issuer: "", userID: name, email: nil, emailIsTrusted: false, name: name,
      serviceAccount: name, publishableHosts: hosts, expiresAt: min(end, expiresAt))
  }
}

/// All service accounts of a configuration, and which of them a verified key speaks for.
package struct ServiceAccounts: Sendable {
  package enum Answer: Sendable, Equatable {
    /// It belongs to none: a person's key.
    case notOne
    case admitted(Subject)
    /// It belongs to one, and does not do now; the text is for whoever holds it.
    case refused(String)
  }

  let accounts: [ServiceAccount]

  package init(_ accounts: [ServiceAccount]) { self.accounts = accounts }

  /// Accounts that have ended, or will within two weeks.
  package func warnings(at now: UnixTime) -> [String] {
    accounts.filter { $0.expiresAt < now.adding(seconds: 14 * 86_400) }.map { account in
      "the service account \(account.name) "
        + (account.expiresAt <= now ? "has expired" : "expires on \(CivilTime(account.expiresAt).dateText)")
    }
  }

  /// - Parameters:
  ///   - key: the wire blob of a key whose signature was verified.
  ///   - certificate: what it came in.
  ///   - source: the address it comes from.
  package func admit(
    key: [UInt8], certificate: SSHCertificateShown?, source: String, at now: UnixTime
  ) -> Answer {
    guard let account = account(key, certificate, at: now) else { return .notOne }
    if let obstacle = obstacle(account, source, at: now) { return .refused(obstacle) }
    return .admitted(subject(account, key: key, certificate: certificate))
  }

  /// The account behind a connection as it is now; `nil` where it may not stay.
  package func subject(
    sessionID: String, key: [UInt8], certificate: SSHCertificateShown?, source: String, at now: UnixTime
  ) -> Subject? {
    guard case .admitted(let subject) = admit(key: key, certificate: certificate, source: source, at: now),
      subject.sessionID == sessionID
    else { return nil }
    return subject
  }

  /// Whether a key stands in the configuration.
  func list(key: [UInt8]) -> Bool { accounts.contains { $0.keys.contains(key) } }

  private func account(_ key: [UInt8], _ certificate: SSHCertificateShown?, at now: UnixTime) -> ServiceAccount? {
    if let named = accounts.first(where: { $0.keys.contains(key) }) { return named }
    guard let certificate, now < certificate.expiresAt else { return nil }
    return accounts.first { account in
      account.authorities.contains { authority in
        authority.key == certificate.authority && authority.principals.contains { certificate.principals.contains($0) }
      }
    }
  }

  /// Why an account may not come in now, from there.
  func obstacle(_ account: ServiceAccount, _ source: String, at now: UnixTime) -> String? {
    guard now < account.expiresAt else {
      return "The service account \(account.name) has expired. Ask whoever runs this edge."
    }
    return comesFromWhereItMay(account, source)
      ? nil : "The service account \(account.name) may not sign in from \(source)."
  }

  func comesFromWhereItMay(_ account: ServiceAccount, _ source: String) -> Bool {
    guard !account.sources.isEmpty else { return true }
    guard let address = IPAddress(source) else { return false }
    return account.sources.contains { $0.contains(address) }
  }

  /// A key that came in a certificate ends with it.
  private func subject(_ account: ServiceAccount, key: [UInt8], certificate: SSHCertificateShown?) -> Subject {
    let isListed = account.keys.contains(key)
    return account.subject(
      sessionID: Self.sessionPrefix + account.name,
      until: isListed ? account.expiresAt : certificate?.expiresAt ?? account.expiresAt)
  }

  /// Sessions of people are random; none begins like this.
  static let sessionPrefix = "service-account:"

  package static func isSession(_ id: String) -> Bool { id.hasPrefix(sessionPrefix) }
}
