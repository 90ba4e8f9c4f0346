import Policy

/// Whose tokens speak for a service account: an issuer, the audience they must be made for, and what they must say (security
/// rule 14).
package struct WorkloadTrust: Sendable, Hashable {
  package var issuer: WorkloadIssuer
  package var audience: String
  /// All of them; never empty.
  package var conditions: [ClaimCondition]

  package init(issuer: WorkloadIssuer, audience: String, conditions: [ClaimCondition]) {
    self.issuer = issuer
    self.audience = audience
    self.conditions = conditions
  }

  /// What keeps a verified token from being this account's; `nil`: nothing. For the log: it tells what the entry asks for.
  func obstacle(to claims: WorkloadClaims) -> String? {
    // Without a condition everybody at the issuer would be this account, whoever made this value.
    guard !conditions.isEmpty else { return "no claim condition" }
    guard claims.issuer.isSame(as: issuer) else { return "another issuer" }
    guard claims.audience.isSameBytes(as: audience) else {
      return "the audience is \(quoted(claims.audience)), not \(quoted(audience))"
    }
    // Who asked for the token is who it is for, unless the entry says otherwise.
    if let party = claims.members["azp"], !conditions.contains(where: { $0.path == ["azp"] }) {
      guard case .string(let text) = party, text.isSameBytes(as: audience) else {
        return "`azp` names another party than the audience"
      }
    }
    return conditions.first { !$0.holds(for: claims.members) }.map { condition in
      "the claim `\(condition.path.joined(separator: "."))` is none of "
        + condition.patterns.map { quoted($0.description) }.joined(separator: ", ")
    }
  }
}

/// Who signs tokens, and where its keys are.
package struct WorkloadIssuer: Sendable, Hashable {
  /// What `iss` says, byte for byte.
  package var name: String
  /// `jwks_uri` of the entry; `nil`: the issuer's own description names it.
  package var keysURL: String?

  package init(name: String, keysURL: String? = nil) {
    self.name = name
    self.keysURL = keysURL
  }

  func isSame(as other: WorkloadIssuer) -> Bool { name.isSameBytes(as: other.name) && keysURL == other.keysURL }
}

/// What a verified token said: kept as long as access rests on it, and judged again whenever the configuration changes.
struct WorkloadClaims: Sendable, Hashable {
  /// Whose keys verified it.
  var issuer: WorkloadIssuer
  /// The only one.
  var audience: String
  /// `sub`.
  var subject: String
  var members: [String: ClaimValue]
}

extension String {
  /// Swift's `==` takes texts for equal that are different bytes; names of people and programs are not.
  func isSameBytes(as other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}
