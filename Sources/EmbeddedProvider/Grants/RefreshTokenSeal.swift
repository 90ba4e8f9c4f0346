import EdgeCrypto

/// Refresh tokens carry their grant, sealed with a secret of the state directory: they outlive a restart of the demo, so that
/// nobody is signed out by it, while the table of what was used stays in memory.
struct RefreshTokenSeal: Sendable {
  private let key: [UInt8]
  private static let fileName = "provider-secret"

  init(key: [UInt8]) { self.key = key }

  init(directory: KeyDirectory, random: RandomSource) throws(ProviderError) {
    if !directory.has(Self.fileName) { try directory.save(Base64.encode(random(32)), as: Self.fileName) }
    guard let key = Base64.decodeLenient(try directory.read(Self.fileName)), key.count == 32 else {
      throw ProviderError(.keys, "\(directory.path)/\(Self.fileName) is damaged; delete it to get a new one")
    }
    self.key = key
  }

  /// What a token says when it is opened.
  struct Content: Sendable {
    var id: String
    var secret: String
    var grant: Grant
    var createdAt: Int64
    var issuedAt: Int64
  }

  func token(_ content: Content) -> String? {
    let account = content.grant.account
    let fields = [
      ("id", content.id), ("secret", content.secret), ("client", content.grant.clientID),
      ("scopes", content.grant.scopes.joined(separator: " ")), ("nonce", content.grant.nonce ?? ""),
      ("email", account.email), ("user", account.userID), ("created", String(content.createdAt)),
      ("issued", String(content.issuedAt)),
    ]
    let text = fields.map { "\($0.0)=\(FormFields.encode($0.1))" }.joined(separator: "&")
    do throws(CryptoError) {
      return Base64.encodeURL(try SealedBox.seal(key: key, Array(text.utf8)))
    } catch {
      return nil
    }
  }

  func open(_ token: String) -> Content? {
    guard token.utf8.count <= 4096, let box = Base64.decodeURL(token), let bytes = SealedBox.open(key: key, box) else {
      return nil
    }
    let fields = FormFields(String(decoding: bytes, as: UTF8.self))
    guard let id = fields["id"], let secret = fields["secret"], let client = fields["client"],
      let scopes = fields["scopes"],
      let nonce = fields["nonce"], let email = fields["email"], let user = fields["user"],
      let created = fields["created"].flatMap({ Int64($0) }), let issued = fields["issued"].flatMap({ Int64($0) })
    else { return nil }
    // The rest of the account is the file's, which may have changed.
    let account = ProviderConfiguration.Account(email: email, hash: "", username: "", userID: user, groups: [])
    return Content(
      id: id, secret: secret,
      grant: Grant(
        clientID: client, redirectURI: "", scopes: scopes.split(separator: " ").map(String.init),
        nonce: nonce.isEmpty ? nil : nonce, challenge: nil, account: account), createdAt: created, issuedAt: issued)
  }
}
