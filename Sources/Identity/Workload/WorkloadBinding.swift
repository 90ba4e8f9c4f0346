import EdgeCrypto
import Policy
import Store

/// An ssh key that stands for a service account because a job showed a token (security rule 14).
package struct WorkloadBinding: Sendable, Hashable {
  /// `SHA256:…`
  package var fingerprint: String
  /// The service account's name.
  package var account: String
  package var sourceAddress: String
  package var boundAt: UnixTime
  /// The earliest of the token's `exp`, `workload_max_session` and the account's own end.
  package var expiresAt: UnixTime
  var claims: WorkloadClaims

  package var issuer: String { claims.issuer.name }
  /// The token's `sub`: which job.
  package var job: String { claims.subject }

  /// Whoever comes with a fresh token for the same key must be the same job.
  func isHeld(bySameJobAs other: WorkloadBinding) -> Bool {
    account.isSameBytes(as: other.account) && claims.issuer.isSame(as: other.claims.issuer)
      && claims.subject.isSameBytes(as: other.claims.subject)
  }

  static let kind = RecordKind("workload-key")
  /// How long after its end a key is remembered, in seconds: whoever comes with it is told why instead of being sent to a
  /// browser, where a person could bind it.
  static let remembered: Int64 = 3600

  var forgottenAt: UnixTime { expiresAt.adding(seconds: Self.remembered) }

  /// Of the connections that the key opens.
  var sessionID: String {
    "\(ServiceAccounts.sessionPrefix)\(account)/\(WorkloadTable.shortName(of: fingerprint))"
  }

  var encoded: [UInt8] {
    var members: [String: ClaimValue] = [
      "account": .string(account), "source": .string(sourceAddress), "bound_at": .time(boundAt),
      "expires_at": .time(expiresAt), "issuer": .string(claims.issuer.name), "audience": .string(claims.audience),
      "subject": .string(claims.subject), "claims": .object(claims.members),
    ]
    if let url = claims.issuer.keysURL { members["keys_url"] = .string(url) }
    return JSONWriter.bytes(.object(members))
  }
}

extension WorkloadBinding {
  init?(_ record: StoredRecord) {
    guard let value = try? JSONReader.parse(record.value), let account = value.text("account"),
      let source = value.text("source"), let boundAt = value.member("bound_at")?.asTime,
      let expiresAt = value.member("expires_at")?.asTime, let issuer = value.text("issuer"),
      let audience = value.text("audience"), let subject = value.text("subject"),
      let members = value.member("claims")?.asMembers
    else { return nil }
    self.init(
      fingerprint: record.id, account: account, sourceAddress: source, boundAt: boundAt, expiresAt: expiresAt,
      claims: WorkloadClaims(
        issuer: WorkloadIssuer(name: issuer, keysURL: value.text("keys_url")), audience: audience, subject: subject,
        members: members))
  }
}

/// An ssh public key as a job sends it.
struct WorkloadKey: Sendable {
  let blob: [UInt8]
  let fingerprint: String

  /// The longest line, of an RSA key of 16,384 bits with its comment.
  static let maximumLength = 8 << 10

  /// The line of a `.pub` file: type, base64, and perhaps a comment; no options, no certificate.
  init(line: String) throws(WorkloadRefusal) {
    let form = "send the one line of the .pub file: ssh-ed25519 AAAA…"
    guard line.utf8.count <= Self.maximumLength else {
      throw WorkloadRefusal(.badRequest, "The public key is longer than \(Self.maximumLength) bytes: \(form)")
    }
    let lines = line.split { $0 == "\n" || $0 == "\r" || $0 == "\r\n" }
    // Of the line's words the first two; options before them would be taken for a type.
    let words = (lines.first ?? "").split { $0 == " " || $0 == "\t" }.prefix(2)
    guard lines.count == 1, let key = AuthorizedKey(line: words.joined(separator: " ")) else {
      throw WorkloadRefusal(.badRequest, "The public key is none: \(form)")
    }
    guard !key.isCertificate else {
      throw WorkloadRefusal(.badRequest, "The public key is a certificate: send the plain key")
    }
    blob = key.blob
    fingerprint = "SHA256:" + Base64.encode(Digest.sha256(key.blob)).filter { $0 != "=" }
  }
}
