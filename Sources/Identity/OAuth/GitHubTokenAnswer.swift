import Policy

/// What `/login/oauth/access_token` says. It answers refusals with status 200 as well, and in a form where nobody asked for
/// JSON.
enum GitHubTokenAnswer {
  static func grant(
    _ response: FetchResponse, url: String, redirectURI: String, now: UnixTime
  ) throws(IdentityError) -> GitHubGrant {
    let members = members(response)
    if let error = members["error"] {
      throw refusal(error, members["error_description"] ?? "", url, redirectURI: redirectURI)
    }
    guard response.status == 200 else {
      if response.status >= 500 || response.status == 429 {
        throw GitHubRefusal.unavailable(
          "\(url) answered with status \(response.status)", retryAfter: GitHubRefusal.wait(response, now: now))
      }
      throw IdentityError(
        .providerMisbehaved, "The identity provider refused to finish the sign-in.",
        diagnostics:
          "\(url) answered with status \(response.status); check that idp_provider_url names a GitHub server, and "
          + "idp_client_id an app of it")
    }
    guard let token = members["access_token"], !token.isEmpty, token.utf8.count <= maximumLength,
      token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f })
    else {
      throw IdentityError(
        .providerMisbehaved, "The identity provider's answer cannot be read.",
        diagnostics: "\(url): no access_token in the answer")
    }
    if let type = members["token_type"], type.lowercased() != "bearer" {
      throw IdentityError(
        .providerMisbehaved, "The identity provider's answer cannot be used.",
        diagnostics: "\(url): tokens of type \(quoted(type)); bearer was expected")
    }
    let lifetime = members["expires_in"].flatMap { Int64($0) }.flatMap {
      $0 > 0 && $0 < Self.longestLifetime ? $0 : nil
    }
    return GitHubGrant(
      accessToken: token, refreshToken: members["refresh_token"].flatMap { $0.isEmpty ? nil : $0 },
      expiresAt: lifetime.map { now.adding(seconds: $0) })
  }

  private static let maximumLength = 4096
  private static let longestLifetime: Int64 = 10 * 366 * 86_400

  /// The members that are texts or whole numbers.
  private static func members(_ response: FetchResponse) -> [String: String] {
    if let document = try? JSONReader.parse(response.body) {
      return (document.asMembers ?? [:]).compactMapValues { value in
        value.asText ?? value.asNumber.flatMap { Int64(exactly: $0) }.map(String.init)
      }
    }
    guard response.headers.contains(where: { $0.name.lowercased() == "content-type" && isForm($0.value) }) else {
      return [:]
    }
    let pairs = QueryString.parse(String(decoding: response.body, as: UTF8.self))
    return Dictionary(pairs, uniquingKeysWith: { first, _ in first })
  }

  private static func isForm(_ type: String) -> Bool {
    type.lowercased().hasPrefix("application/x-www-form-urlencoded")
  }

  /// "Troubleshooting OAuth app access token request errors" of GitHub's documentation names these.
  private static func refusal(
    _ error: String, _ description: String, _ url: String, redirectURI: String
  ) -> IdentityError {
    let details = "\(url) answered with error \(quoted(error)) \(quoted(description))"
    switch error {
    case "bad_verification_code":
      return IdentityError(
        .expired, "This sign-in has already been used or took too long. Please sign in again.", diagnostics: details)
    case "bad_refresh_token":
      return IdentityError(
        .withdrawn, "The identity provider has ended this sign-in. Please sign in again.", diagnostics: details)
    case "incorrect_client_credentials":
      return IdentityError(
        .providerMisbehaved, "The identity provider does not know this edge. Whoever runs it must look at its log.",
        diagnostics: "\(details); check idp_client_id and idp_client_secret")
    case "redirect_uri_mismatch":
      return IdentityError(
        .providerMisbehaved,
        "The identity provider does not know this address. Whoever runs this edge must look at its log.",
        diagnostics: "\(details); write \(redirectURI) as the app's authorization callback URL")
    case "unverified_user_email":
      return IdentityError(
        .providerRefused,
        "Your account at the identity provider has no verified address. Verify it there, then sign in.",
        diagnostics: details)
    default:
      return IdentityError(
        .providerMisbehaved, "The identity provider refused to finish the sign-in.", diagnostics: details)
    }
  }
}
