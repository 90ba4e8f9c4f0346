import EdgeCrypto
import Policy

extension ServiceAccounts {
  /// Who shows the token with this hash on a host that policies have yet to decide about.
  package func visit(tokenHash: [UInt8], host: String, source: String, at now: UnixTime) -> BearerAnswer {
    guard let account = accounts.first(where: { $0.tokenHashes.contains(tokenHash) }) else {
      return .refused("The token is of no service account of this edge.")
    }
    guard now < account.expiresAt else {
      return .refused("The service account \(account.name) has expired. Ask whoever runs this edge.")
    }
    guard comesFromWhereItMay(account, source) else {
      return .refused("The service account \(account.name) may not come from \(source).")
    }
    guard account.hosts.contains(host) else {
      return .refused("The service account \(account.name) is not for \(host).")
    }
    return .admitted(session(account, tokenHash: tokenHash))
  }

  private func session(_ account: ServiceAccount, tokenHash: [UInt8]) -> Session {
    let id = "\(Self.sessionPrefix)\(account.name)/\(Base64.encodeURL(Array(tokenHash.prefix(12))))"
    let subject = Subject(
      sessionID: id, issuer: "", userID: account.name, email: nil, emailIsTrusted: false, name: account.name,
      serviceAccount: account.name, publishableHosts: account.hosts, expiresAt: account.expiresAt)
    // The account has no sign-in: what would be its moment is the same for every copy, so that equal ones compare equal.
    let never = UnixTime(milliseconds: 0)
    return Session(
      id: id, subject: subject, provider: "service account", issuedAt: never, expiresAt: account.expiresAt,
      authenticatedAt: never)
  }
}
