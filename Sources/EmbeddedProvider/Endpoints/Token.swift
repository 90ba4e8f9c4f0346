import EdgeCrypto
import NIOPosix
import PlainText

/// The token endpoint (RFC 6749, 3.2): codes and refresh tokens become tokens.
extension ProviderService {
  func token(_ request: ProviderRequest) async -> ProviderResponse {
    guard let form = request.form else {
      return .oauthError("invalid_request", "The body must be application/x-www-form-urlencoded.")
    }
    guard let client = authenticatedClient(request, form) else {
      var response = ProviderResponse.oauthError("invalid_client", "Invalid client credentials.", status: 401)
      if request.header("authorization") != nil {
        response.headers.append(("www-authenticate", "Basic realm=\"token\""))
      }
      return response
    }
    switch form["grant_type"] {
    case "authorization_code": return await redeem(form, client)
    case "refresh_token": return await refresh(form, client)
    case nil: return .oauthError("invalid_request", "grant_type is missing.")
    default: return .oauthError("unsupported_grant_type", "Only authorization_code and refresh_token are served.")
    }
  }

  private func redeem(_ form: FormFields, _ client: ProviderConfiguration.Client) async -> ProviderResponse {
    let now = clock()
    guard let code = form["code"], case .grant(let grant) = grants.redeem(code: code, client: client.id, now: now)
    else {
      return .oauthError("invalid_grant", "The code is unknown, expired or was used before.")
    }
    guard form["redirect_uri"] == grant.redirectURI else {
      return .oauthError("invalid_grant", "redirect_uri is not the one the code was asked for with.")
    }
    let verifier = form["code_verifier"]
    if let challenge = grant.challenge {
      guard let verifier, (43...128).contains(verifier.utf8.count),
        constantTimeEquals(Array(Base64.encodeURL(Digest.sha256(verifier)).utf8), Array(challenge.utf8))
      else { return .oauthError("invalid_grant", "code_verifier does not fit code_challenge.") }
    } else if verifier != nil {
      return .oauthError("invalid_request", "There was no code_challenge that code_verifier could answer.")
    }
    let refreshToken = grant.has("offline_access") ? grants.makeRefreshToken(for: grant, code: code, now: now) : nil
    return await tokens(for: grant, refreshToken: refreshToken, now: now)
  }

  private func refresh(_ form: FormFields, _ client: ProviderConfiguration.Client) async -> ProviderResponse {
    let now = clock()
    guard let text = form["refresh_token"] else {
      return .oauthError("invalid_request", "refresh_token is missing.")
    }
    switch grants.refresh(text, client: client.id, now: now) {
    case .refused(let why): return .oauthError("invalid_grant", why)
    case .grant(let grant, let next):
      // Somebody taken out of the file gets nothing more.
      guard let account = configuration.account(email: grant.account.email), account.userID == grant.account.userID
      else {
        return .oauthError("invalid_grant", "The account does not exist any more.")
      }
      var current = grant
      current.account = account
      return await tokens(for: current, refreshToken: next, now: now)
    }
  }

  private func tokens(for grant: Grant, refreshToken: String?, now: Int64) async -> ProviderResponse {
    let keys = keys
    let issuer = issuer.text
    let lifetime = configuration.lifetimes.idTokens
    let made = try? await NIOThreadPool.singleton.runIfActive {
      let claims = TokenClaims(grant: grant, issuer: issuer, issuedAt: now, lifetime: lifetime)
      let access = try keys.sign(claims.access, type: "at+jwt", now: now)
      return (access: access, identity: try keys.sign(claims.identity(accessToken: access), type: "JWT", now: now))
    }
    guard let made else { return serverError("The tokens could not be signed.") }
    var members: [(String, JSONText)] = [
      ("access_token", .string(made.access)), ("token_type", .string("bearer")),
      ("expires_in", .integer(lifetime / 1000)), ("id_token", .string(made.identity)),
    ]
    if let refreshToken { members.append(("refresh_token", .string(refreshToken))) }
    return .json(.object(members))
  }

  /// `client_secret_basic` or `client_secret_post`, never both (RFC 6749, 2.3).
  private func authenticatedClient(_ request: ProviderRequest, _ form: FormFields) -> ProviderConfiguration.Client? {
    var id = form["client_id"]
    var secret = form["client_secret"]
    if let header = request.header("authorization") {
      guard secret == nil, header.lowercased().hasPrefix("basic "),
        let decoded = Base64.decodeLenient(String(header.dropFirst("basic ".count)))
      else { return nil }
      let parts = String(decoding: decoded, as: UTF8.self).split(
        separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2 else { return nil }
      let name = FormFields.decode(parts[0])
      guard id == nil || id == name else { return nil }
      id = name
      secret = FormFields.decode(parts[1])
    }
    guard let id, let client = configuration.client(id: id) else { return nil }
    if client.isPublic { return secret == nil || secret == "" ? client : nil }
    guard let secret, !client.secret.isEmpty,
      constantTimeEquals(Digest.sha256(secret), Digest.sha256(client.secret))
    else { return nil }
    return client
  }
}
