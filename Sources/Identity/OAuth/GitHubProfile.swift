import Policy

/// The parts of GitHub's answers that say who somebody is.
enum GitHubProfile {
  /// One of `/user/emails`.
  struct Address: Sendable, Hashable {
    let address: String
    let isPrimary: Bool
    let isVerified: Bool

    init?(_ entry: ClaimValue) {
      guard let address = entry.text("email"), !address.isEmpty else { return nil }
      self.address = address
      isPrimary = entry.member("primary")?.asBool ?? false
      isVerified = entry.member("verified")?.asBool ?? false
    }
  }

  /// Under the names of OpenID Connect, and `user` for the login as the reference has it. A name of GitHub is the same
  /// however its letters are cased; where it becomes part of host names and logins it is small.
  static func claims(_ user: ClaimValue, login: String) -> [String: ClaimValue] {
    let name = user.text("name").flatMap { $0.isEmpty ? nil : $0 } ?? login
    var claims: [String: ClaimValue] = [
      "user": .string(login), "preferred_username": .string(login.lowercased()), "name": .string(name),
    ]
    claims["picture"] = user.text("avatar_url").map { .string($0) }
    claims["profile"] = user.text("html_url").map { .string($0) }
    return claims
  }

  /// `organization/team`, both as they stand in addresses. The team's name alone could be anybody's: everyone may found an
  /// organization with a team of that name.
  static func team(_ entry: ClaimValue) -> String? {
    guard let slug = entry.text("slug"), let organization = entry.member("organization")?.text("login"), !slug.isEmpty,
      !organization.isEmpty
    else { return nil }
    return "\(organization)/\(slug)"
  }
}
