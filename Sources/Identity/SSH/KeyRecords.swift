import EdgeCrypto
import Policy
import Store

/// What is remembered of a key beyond its bindings: that it was approved here before, and for whom.
struct KnownKey: Sendable, Hashable {
  var fingerprint: String
  var firstSeen: UnixTime
  var lastUser: String
  /// Who that is, as `owner(of:)` says; nobody known in records of old.
  var owner: String?

  static let kind = RecordKind("key")
  /// A key not approved for this long counts as never seen.
  static let lifetime: Int64 = 180 * 86_400

  var encoded: [UInt8] {
    JSONWriter.bytes(
      .object([
        "first_seen": .time(firstSeen), "last_user": .string(lastUser), "owner": owner.map { .string($0) } ?? .null,
      ]))
  }

  init(fingerprint: String, firstSeen: UnixTime, lastUser: String, owner: String?) {
    self.fingerprint = fingerprint
    self.firstSeen = firstSeen
    self.lastUser = lastUser
    self.owner = owner
  }

  /// Names a person without saying who it is.
  static func owner(of subject: Subject) -> String {
    Base64.encodeURL(Array(Digest.sha256(Array("\(subject.issuer)\n\(subject.userID)".utf8)).prefix(16)))
  }

  init?(_ record: StoredRecord) {
    guard let value = try? JSONReader.parse(record.value), let firstSeen = value.member("first_seen")?.asTime,
      let lastUser = value.text("last_user")
    else { return nil }
    self.init(
      fingerprint: record.id, firstSeen: firstSeen, lastUser: lastUser, owner: value.text("owner"))
  }
}

extension KeyBinding {
  static let kind = RecordKind("binding")

  var encoded: [UInt8] {
    JSONWriter.bytes(
      .object([
        "fingerprint": .string(fingerprint), "key_type": .string(keyType), "scope": .string(scope.rawValue),
        "session": .string(sessionID), "user_name": .string(userName), "source": .string(sourceAddress),
        "sources": .list(sources.map { .string($0) }), "client": .string(clientVersion),
        "approved_at": .time(approvedAt), "last_used_at": .time(lastUsedAt), "last_source": .string(lastSource),
        "expires_at": .time(expiresAt), "remembered": .bool(isRemembered),
      ]))
  }

  init?(_ record: StoredRecord) {
    guard let value = try? JSONReader.parse(record.value), let fingerprint = value.text("fingerprint"),
      let keyType = value.text("key_type"), let scope = value.text("scope").flatMap(BindingScope.init),
      let sessionID = value.text("session"), let userName = value.text("user_name"),
      let source = value.text("source"), let sources = value.member("sources")?.asTexts,
      let client = value.text("client"), let approvedAt = value.member("approved_at")?.asTime,
      let lastUsedAt = value.member("last_used_at")?.asTime, let lastSource = value.text("last_source"),
      let expiresAt = value.member("expires_at")?.asTime
    else { return nil }
    self.init(
      id: record.id, fingerprint: fingerprint, keyType: keyType, scope: scope, sessionID: sessionID,
      userName: userName, sourceAddress: source, sources: sources, clientVersion: client, approvedAt: approvedAt,
      lastUsedAt: lastUsedAt, lastSource: lastSource, expiresAt: expiresAt,
      isRemembered: value.member("remembered")?.asBool ?? true)
  }
}
