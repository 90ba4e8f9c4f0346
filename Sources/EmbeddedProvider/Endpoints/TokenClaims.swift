import EdgeCrypto
import PlainText

/// What the tokens of one grant say.
struct TokenClaims {
  let grant: Grant
  let issuer: String
  /// Milliseconds.
  let issuedAt: Int64
  let lifetime: Int64

  var access: JSONText { .object(common + person) }

  func identity(accessToken: String) -> JSONText {
    var members = common
    if let nonce = grant.nonce { members.append(("nonce", .string(nonce))) }
    let half = Digest.sha256(accessToken).prefix(16)
    members.append(("at_hash", .string(Base64.encodeURL(Array(half)))))
    return .object(members + person)
  }

  private var common: [(String, JSONText)] {
    [
      ("iss", .string(issuer)), ("sub", .string(Base64.encodeURL(grant.account.subject))),
      ("aud", .string(grant.clientID)), ("exp", .integer((issuedAt + lifetime) / 1000)),
      ("iat", .integer(issuedAt / 1000)),
    ]
  }

  /// What the scopes let the client know.
  private var person: [(String, JSONText)] {
    var members: [(String, JSONText)] = []
    if grant.has("email") {
      members.append(("email", .string(grant.account.email)))
      members.append(("email_verified", .bool(true)))
    }
    if grant.has("groups"), !grant.account.groups.isEmpty {
      members.append(("groups", .list(grant.account.groups.map { .string($0) })))
    }
    if grant.has("profile") {
      members.append(("name", .string(grant.account.username)))
      members.append(("preferred_username", .string(grant.account.username)))
    }
    return members
  }
}
