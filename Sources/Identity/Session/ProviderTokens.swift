import EdgeCrypto
import Policy

/// What the provider gave for a session, for services that ask the provider themselves. Kept only where a route hands them on.
package struct ProviderTokens: Sendable, Equatable {
  package var accessToken: String?
  package var idToken: String?

  package init(accessToken: String?, idToken: String?) {
    self.accessToken = accessToken
    self.idToken = idToken
  }

  /// Those of a refresh; what did not come again stays.
  func refreshed(by answer: TokenAnswer) -> ProviderTokens {
    ProviderTokens(accessToken: answer.accessToken ?? accessToken, idToken: answer.idToken ?? idToken)
  }

  /// For the store, readable with the key only (security rule 37).
  func sealed(key: [UInt8], sessionID: String) -> String? {
    var members: [String: ClaimValue] = [:]
    if let accessToken { members["access_token"] = .string(accessToken) }
    if let idToken { members["id_token"] = .string(idToken) }
    let plain = JSONWriter.bytes(.object(members))
    let sealed = try? SealedBox.seal(key: key, plain, aad: Self.context(sessionID))
    return sealed.map { Base64.encodeURL($0) }
  }

  init?(sealed text: String, key: [UInt8], sessionID: String) {
    guard let sealed = Base64.decodeURL(text),
      let plain = SealedBox.open(key: key, sealed, aad: Self.context(sessionID)),
      let value = try? JSONReader.parse(plain)
    else { return nil }
    accessToken = value.text("access_token")
    idToken = value.text("id_token")
  }

  /// Never taken for the refresh token of the same session.
  private static func context(_ sessionID: String) -> [UInt8] { Array("\(sessionID)\ntokens".utf8) }
}
