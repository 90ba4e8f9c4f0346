import EdgeCrypto
import Policy

/// What the token endpoint gave.
struct TokenAnswer: Sendable {
  let idToken: String?
  let accessToken: String?
  let refreshToken: String?
  /// How long the access token is good for, in seconds, if the provider says so.
  let lifetime: Int64?

  init(idToken: String? = nil, accessToken: String?, refreshToken: String?, lifetime: Int64?) {
    self.idToken = idToken
    self.accessToken = accessToken
    self.refreshToken = refreshToken
    self.lifetime = lifetime
  }

  /// - Parameter secrets: what was sent: some providers name it in their refusal, which goes into the log.
  init(_ response: FetchResponse, url: String, secrets: [String] = []) throws(IdentityError) {
    let document = try? JSONReader.parse(response.body)
    guard response.status == 200 else {
      // Glewlwyd has no word for a grant that was taken away.
      if response.status == 400, response.body.isEmpty {
        throw Self.used("\(url) answered with status 400 and nothing else")
      }
      throw Self.refusal(response.status, document, url, secrets)
    }
    guard let document, document.asMembers != nil else {
      throw IdentityError(
        .providerMisbehaved, "The identity provider's answer cannot be read.",
        diagnostics: "\(url): the body is no JSON object")
    }
    if let type = document.text("token_type"), type.lowercased() != "bearer" {
      throw IdentityError(
        .providerMisbehaved, "The identity provider's answer cannot be used.",
        diagnostics: "\(url): tokens of type \(quoted(type)); Bearer was expected")
    }
    idToken = document.text("id_token")
    accessToken = document.text("access_token")
    refreshToken = document.text("refresh_token")
    lifetime = document.member("expires_in")?.asNumber.flatMap { Int64(exactly: $0.rounded()) }.flatMap {
      (0...Self.longestLifetime).contains($0) ? $0 : nil
    }
  }

  /// In seconds; what is beyond is no lifetime, and would not be safe to reckon with.
  private static let longestLifetime: Int64 = 10 * 366 * 86_400

  /// Credentials as the provider wants them: in the header (RFC 6749 2.3.1, both parts form-encoded), or in the form.
  static func authenticate(
    _ request: inout FetchRequest, _ form: inout [(String, String)], _ configuration: ProviderConfiguration,
    _ method: ProviderMetadata.ClientAuthentication
  ) {
    switch method {
    case .basic where !configuration.clientSecret.isEmpty:
      let pair = "\(encoded(configuration.clientID)):\(encoded(configuration.clientSecret))"
      request.headers.append(("Authorization", "Basic \(Base64.encode(Array(pair.utf8)))"))
    case .basic:
      form.append(("client_id", configuration.clientID))
    case .post:
      form += [("client_id", configuration.clientID), ("client_secret", configuration.clientSecret)]
    }
  }

  private static func encoded(_ text: String) -> String { QueryString.percentEncode(text) }

  /// Errors of the client or the provider; of others (`interaction_required`, `consent_required`) a person can be the cause.
  private static let isAboutEverybody: Set<String> = [
    "invalid_request", "invalid_scope", "unsupported_grant_type", "server_error", "temporarily_unavailable",
  ]

  private static func used(_ details: String) -> IdentityError {
    IdentityError(
      .expired, "This sign-in has already been used or took too long. Please sign in again.", diagnostics: details)
  }

  /// Providers differ in the status they choose; the error's name, where there is one, says more.
  private static func refusal(
    _ status: Int, _ document: ClaimValue?, _ url: String, _ secrets: [String]
  ) -> IdentityError {
    func told(_ member: String) -> String {
      secrets.reduce(document?.text(member) ?? "") { $1.isEmpty ? $0 : $0.replacing($1, with: "…") }
    }
    let name = told("error")
    let details =
      "\(url) answered with status \(status)"
      + (name.isEmpty ? "" : ", error \(quoted(name)) \(quoted(told("error_description")))")
    if (400..<500).contains(status) {
      switch name {
      case "invalid_grant", "invalid_code":
        return used(details)
      case "invalid_client", "unauthorized_client":
        return IdentityError(
          .providerMisbehaved, "The identity provider does not know this edge. Whoever runs it must look at its log.",
          diagnostics: "\(details); check idp_client_id and idp_client_secret")
      default:
        return IdentityError(
          .providerMisbehaved, "The identity provider refused to finish the sign-in.", diagnostics: details,
          refusesToken: status == 429 || !name.isEmpty && !isAboutEverybody.contains(name))
      }
    }
    return IdentityError(
      .providerUnreachable, "The identity provider has a problem of its own. Please try again.", diagnostics: details)
  }
}
