import Policy

/// What an ID token and the userinfo document together say about a person.
struct ClaimMerger {
  private(set) var claims: [String: ClaimValue]

  /// Claims that say something about the token, not about the person.
  private static let protocolClaims: Set<String> = [
    "iss", "aud", "azp", "exp", "iat", "nbf", "nonce", "at_hash", "c_hash", "s_hash", "jti", "auth_time", "typ",
  ]

  init(idToken: ClaimValue) {
    claims = (idToken.asMembers ?? [:]).filter { !Self.protocolClaims.contains($0.key) }
  }

  /// Whether the userinfo document could say more.
  func lacksAnything(groupsClaim: String) -> Bool {
    ["email", "name", groupsClaim].contains { claims[$0] == nil }
  }

  /// Adds what the token left out. What the token said stands. An address and the word that it is verified belong
  /// together: they are taken from one document.
  mutating func add(userinfo: ClaimValue) {
    let hadEmail = claims["email"] != nil
    for (name, value) in userinfo.asMembers ?? [:] where claims[name] == nil && !Self.protocolClaims.contains(name) {
      if name == "email_verified", hadEmail, userinfo.member("email") != claims["email"] { continue }
      claims[name] = value
    }
    // The token's bare email_verified must not vouch for the address of another document.
    if !hadEmail, let email = userinfo.member("email"), email != .null {
      claims["email_verified"] = userinfo.member("email_verified")
    }
  }

  /// Refreshed tokens need not name the provider's session again; signing out there may name nothing else.
  mutating func keepProviderSession(of old: [String: ClaimValue]) {
    if claims["sid"] == nil { claims["sid"] = old["sid"] }
  }

  func subject(
    sessionID: String, issuer: String, userID: String, configuration: ProviderConfiguration, expiresAt: UnixTime
  ) -> Subject {
    let email = claims["email"]?.asText.flatMap { $0.isEmpty ? nil : $0 }
    let name = [claims["name"], claims["preferred_username"]].compactMap { $0?.asText }.first { !$0.isEmpty }
    let groups: [String]
    switch claims[configuration.groupsClaim] {
    case .list(let elements): groups = elements.compactMap(\.asText)
    case .string(let group): groups = [group]
    default: groups = []
    }
    return Subject(
      sessionID: sessionID, issuer: issuer, userID: userID, email: email,
      emailIsTrusted: email != nil && isVerified(default: configuration.trustsUnverifiedEmail), name: name,
      groups: groups, claims: claims, expiresAt: expiresAt)
  }

  /// Security rule 29; some providers send the word as a string.
  private func isVerified(default fallback: Bool) -> Bool {
    switch claims["email_verified"] {
    case nil, .null?: fallback
    case .bool(let verified)?: verified
    case .string(let text)?: text.lowercased() == "true"
    default: false
    }
  }
}
