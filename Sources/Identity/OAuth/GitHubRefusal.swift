import Policy

/// What an answer of GitHub's REST API means that is not the one asked for: the person is gone, the edge asks too often, or
/// something else is wrong. Only the first ends a session.
enum GitHubRefusal {
  static func error(_ response: FetchResponse, url: String, now: UnixTime) -> IdentityError {
    let message = (try? JSONReader.parse(response.body))?.text("message") ?? ""
    let details = "\(url) answered with status \(response.status) \(quoted(message))"
    switch response.status {
    case 401: return withdrawn(details)
    case 403 where message.lowercased().contains("suspended"): return withdrawn(details)
    case 403 where isLimit(response, message), 429:
      return IdentityError(
        .providerUnreachable,
        "The identity provider answers no more questions about this account for a while: it was asked too often. "
          + "Please try again later.",
        diagnostics: "\(details); too many requests", retryAfter: wait(response, now: now), refusesToken: true)
    case 500...: return unavailable(details, retryAfter: wait(response, now: now))
    default:
      return IdentityError(
        .providerMisbehaved, "The identity provider answered with an error. Please try again in a moment.",
        diagnostics: details + advice(response))
    }
  }

  static func unavailable(_ details: String, retryAfter: Int64) -> IdentityError {
    IdentityError(
      .providerUnreachable, "The identity provider has a problem of its own. Please try again.", diagnostics: details,
      retryAfter: retryAfter)
  }

  /// In seconds: what the answer asks for, or the minute that is to be waited where it says nothing.
  static func wait(_ response: FetchResponse, now: UnixTime) -> Int64 {
    let asked =
      header("retry-after", response).flatMap { Int64($0) }
      ?? header("x-ratelimit-reset", response).flatMap { Int64($0) }.flatMap { reset in
        header("x-ratelimit-remaining", response) == "0"
          ? reset.subtractingReportingOverflow(now.seconds).partialValue : nil
      }
    return min(max(asked ?? usualWait, 1), longestWait)
  }

  static let usualWait: Int64 = 60
  static let longestWait: Int64 = 3600

  private static func withdrawn(_ details: String) -> IdentityError {
    IdentityError(
      .withdrawn, "The identity provider does not let this account in any more. Please sign in again.",
      diagnostics: details)
  }

  private static func isLimit(_ response: FetchResponse, _ message: String) -> Bool {
    header("retry-after", response) != nil || header("x-ratelimit-remaining", response) == "0"
      || message.lowercased().contains("rate limit")
  }

  private static func advice(_ response: FetchResponse) -> String {
    if header("x-github-sso", response) != nil {
      return "; the organization demands that the app be authorized by SAML"
    }
    switch response.status {
    case 403:
      return
        "; an OAuth app needs the scope, a GitHub App the permission (account: email addresses; organization: members)"
    case 404: return "; check that idp_provider_url names a GitHub server"
    default: return ""
    }
  }

  static func header(_ name: String, _ response: FetchResponse) -> String? {
    response.headers.first { $0.name.lowercased() == name }?.value
  }
}
