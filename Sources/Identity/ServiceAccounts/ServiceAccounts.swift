import Policy

/// A program that publishes without a browser (security rule 13).
package struct ServiceAccount: Sendable, Equatable {
  package var name: String
  /// The wire blobs of its ssh keys.
  package var keys: [[UInt8]]
  package var authorities: [Authority]
  package var expiresAt: UnixTime
  /// Empty: from anywhere.
  package var sources: [AddressRange]
  /// Names it may publish, in lower case.
  package var hosts: Set<String>

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
    name: String, keys: [[UInt8]], authorities: [Authority] = [], expiresAt: UnixTime, sources: [AddressRange] = [],
    hosts: Set<String>
  ) {
    self.name = name
    self.keys = keys
    self.authorities = authorities
    self.expiresAt = expiresAt
    self.sources = sources
    self.hosts = hosts
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

  private let accounts: [ServiceAccount]

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
    guard now < account.expiresAt else {
      return .refused("The service account \(account.name) has expired. Ask whoever runs this edge.")
    }
    guard comesFromWhereItMay(account, source) else {
      return .refused("The service account \(account.name) may not sign in from \(source).")
    }
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

  private func account(_ key: [UInt8], _ certificate: SSHCertificateShown?, at now: UnixTime) -> ServiceAccount? {
    if let named = accounts.first(where: { $0.keys.contains(key) }) { return named }
    guard let certificate, now < certificate.expiresAt else { return nil }
    return accounts.first { account in
      account.authorities.contains { authority in
        authority.key == certificate.authority && authority.principals.contains { certificate.principals.contains($0) }
      }
    }
  }

  private func comesFromWhereItMay(_ account: ServiceAccount, _ source: String) -> Bool {
    guard !account.sources.isEmpty else { return true }
    guard let address = IPAddress(source) else { return false }
    return account.sources.contains { $0.contains(address) }
  }

  /// A key that came in a certificate ends with it.
  private func subject(_ account: ServiceAccount, key: [UInt8], certificate: SSHCertificateShown?) -> Subject {
    let isListed = account.keys.contains(key)
    let end = isListed ? account.expiresAt : min(account.expiresAt, certificate?.expiresAt ?? account.expiresAt)
    return Subject(
      sessionID: Self.sessionPrefix + account.name, issuer: "", userID: account.name, email: nil, emailIsTrusted: false,
      name: account.name, serviceAccount: account.name, publishableHosts: account.hosts, expiresAt: end)
  }

  /// Sessions of people are random; none begins like this.
  private static let sessionPrefix = "service-account:"

  package static func isSession(_ id: String) -> Bool { id.hasPrefix(sessionPrefix) }
}
