import EdgeCrypto
import Policy
import Store

/// A session as the store keeps it. The provider's tokens are sealed; the browser's handle is not there at all.
enum SessionRecord {
  static let kind = RecordKind("session")

  static func encode(_ entry: SessionDirectory.Entry, tokenKey: [UInt8]) -> [UInt8] {
    let session = entry.session
    let subject = session.subject
    var members: [String: ClaimValue] = [
      "provider": .string(session.provider),
      "provider_fingerprint": .string(entry.providerFingerprint),
      "issued_at": .time(session.issuedAt),
      "expires_at": .time(session.expiresAt),
      "authenticated_at": .time(session.authenticatedAt),
      "version": .number(Double(session.version)),
      "cookies": .bool(entry.acceptsCookies),
      "issuer": .string(subject.issuer),
      "user": .string(subject.userID),
      "email_trusted": .bool(subject.emailIsTrusted),
      "groups": .list(subject.groups.map { .string($0) }),
      "claims": .object(subject.claims),
    ]
    if let email = subject.email { members["email"] = .string(email) }
    if let name = subject.name { members["name"] = .string(name) }
    if let client = session.client { members["client"] = .string(client) }
    if let browser = session.browser {
      members["browser"] = .object(["address": .string(browser.address), "agent": .string(browser.agent)])
    }
    if let refresh = entry.refresh,
      let sealed = try? SealedBox.seal(key: tokenKey, Array(refresh.token.utf8), aad: Array(session.id.utf8))
    {
      members["refresh_token"] = .string(Base64.encodeURL(sealed))
    }
    if let hint = entry.logoutHint,
      let sealed = try? SealedBox.seal(key: tokenKey, Array(hint.utf8), aad: hintContext(session.id))
    {
      members["logout_hint"] = .string(Base64.encodeURL(sealed))
    }
    if let tokens = entry.tokens?.sealed(key: tokenKey, sessionID: session.id) { members["tokens"] = .string(tokens) }
    return JSONWriter.bytes(.object(members))
  }

  /// Nil when the record is not one of ours. A token that cannot be opened is left out: the session then simply lasts
  /// as long as it lasts.
  static func decode(
    _ record: StoredRecord, tokenKey: [UInt8], refreshAt: UnixTime
  ) -> SessionDirectory.Entry? {
    guard let value = try? JSONReader.parse(record.value), let provider = value.text("provider"),
      let fingerprint = value.text("provider_fingerprint"), let issuedAt = value.member("issued_at")?.asTime,
      let expiresAt = value.member("expires_at")?.asTime, let version = value.member("version")?.asNumber,
      let authenticatedAt = value.member("authenticated_at")?.asTime, let issuer = value.text("issuer"),
      let user = value.text("user"), let trusted = value.member("email_trusted")?.asBool,
      let cookies = value.member("cookies")?.asBool
    else { return nil }
    let subject = Subject(
      sessionID: record.id, issuer: issuer, userID: user, email: value.text("email"), emailIsTrusted: trusted,
      name: value.text("name"), groups: value.member("groups")?.asTexts ?? [],
      claims: value.member("claims")?.asMembers ?? [:], expiresAt: expiresAt)
    let session = Session(
      id: record.id, subject: subject, provider: provider, issuedAt: issuedAt, expiresAt: expiresAt,
      authenticatedAt: authenticatedAt, client: value.text("client"), version: Int(exactly: version) ?? 1,
      browser: value.member("browser").flatMap { browser in
        guard let address = browser.text("address"), let agent = browser.text("agent") else { return nil }
        return SessionBrowser(address: address, agent: agent)
      })
    var entry = SessionDirectory.Entry(session: session, acceptsCookies: cookies, providerFingerprint: fingerprint)
    if let text = value.text("refresh_token"), let sealed = Base64.decodeURL(text),
      let token = SealedBox.open(key: tokenKey, sealed, aad: Array(record.id.utf8))
    {
      // Whether what is known is old will show when it is due.
      entry.refresh = .init(token: String(decoding: token, as: UTF8.self), dueAt: refreshAt, confirmedAt: refreshAt)
    }
    entry.logoutHint = value.text("logout_hint").flatMap { Base64.decodeURL($0) }
      .flatMap { SealedBox.open(key: tokenKey, $0, aad: hintContext(record.id)) }
      .map { String(decoding: $0, as: UTF8.self) }
    entry.tokens = value.text("tokens").flatMap {
      ProviderTokens(sealed: $0, key: tokenKey, sessionID: record.id)
    }
    return entry
  }

  /// Never taken for another sealed text of the same session.
  private static func hintContext(_ sessionID: String) -> [UInt8] { Array("\(sessionID)\nlogout hint".utf8) }
}
