import EdgeCrypto

/// The authorization endpoint (RFC 6749, 4.1; OpenID Connect Core, 3.1.2): checks what a client asks for, remembers it, and
/// sends the browser to the login form with a cookie that binds the two.
extension ProviderService {
  func authorize(_ request: ProviderRequest) -> ProviderResponse {
    let query = request.query
    guard let clientID = query["client_id"], let client = configuration.client(id: clientID) else {
      return errorPage(400, "Unknown application", "No application with this client_id is registered here.")
    }
    // Never send anybody to an address that is not registered: not even with an error.
    guard let redirectURI = query["redirect_uri"], client.redirectURIs.contains(redirectURI) else {
      return errorPage(
        400, "Unregistered address",
        "The application asked to be answered at an address that is not among its redirectURIs.")
    }
    let state = query["state"]
    func refuse(_ error: String, _ description: String) -> ProviderResponse {
      var fields = [("error", error), ("error_description", description)]
      if let state { fields.append(("state", state)) }
      return .redirect(303, to: Self.append(fields, to: redirectURI))
    }
    if let repeated = query.pairs.first(where: { query.isRepeated($0.name) }) {
      return refuse("invalid_request", "The parameter \(repeated.name) stands there twice.")
    }
    guard query["response_type"] == "code" else {
      return refuse("unsupported_response_type", "Only response_type=code is served.")
    }
    guard query["request"] == nil, query["request_uri"] == nil else {
      return refuse("request_not_supported", "Request objects are not served.")
    }
    let scopes = (query["scope"] ?? "").split(separator: " ").map(String.init)
    guard scopes.contains("openid") else {
      return refuse("invalid_scope", "The scope openid is missing.")
    }
    let known: Set = ["openid", "email", "profile", "groups", "offline_access", "federated:id"]
    if let unknown = scopes.first(where: { !known.contains($0) }) {
      return refuse("invalid_scope", "The scope \(unknown) is not known here.")
    }
    let challenge = query["code_challenge"]
    if let challenge {
      guard query["code_challenge_method"] == "S256" else {
        return refuse("invalid_request", "Only code_challenge_method=S256 is served.")
      }
      guard challenge.utf8.count == 43, Base64.decodeURL(challenge) != nil else {
        return refuse("invalid_request", "code_challenge is no SHA-256 in base64url.")
      }
    } else if client.isPublic {
      return refuse("invalid_request", "A public client needs a code_challenge.")
    }
    let browser = Base64.encodeURL(random(16))
    let id = grants.begin(
      AuthorizationRequest(
        clientID: clientID, redirectURI: redirectURI, scopes: scopes, state: state, nonce: query["nonce"],
        challenge: challenge, browser: Digest.sha256(browser),
        expiresAt: clock() + configuration.lifetimes.authRequests))
    var response = ProviderResponse.redirect(302, to: "\(configuration.issuer.path)/auth/local/login?state=\(id)")
    response.headers.append(("set-cookie", browserCookie(id: id, value: browser)))
    return response
  }

  /// The sign-in named by the request, if this browser began it.
  func pending(_ id: String?, _ request: ProviderRequest) -> AuthorizationRequest? {
    guard let id, let found = grants.request(id, now: clock()),
      let cookie = request.cookie(Self.cookieName(id: id)),
      constantTimeEquals(Digest.sha256(cookie), found.browser)
    else { return nil }
    return found
  }

  /// Sends the browser back to the client with a code.
  func finish(_ id: String, account: ProviderConfiguration.Account) -> ProviderResponse {
    guard let request = grants.finish(id) else {
      return errorPage(400, "Already used", "This sign-in was finished in another tab. Please start again.")
    }
    let grant = Grant(
      clientID: request.clientID, redirectURI: request.redirectURI, scopes: request.scopes, nonce: request.nonce,
      challenge: request.challenge, account: account)
    var fields = [("code", grants.makeCode(for: grant, now: clock()))]
    if let state = request.state { fields.append(("state", state)) }
    return answer(fields, to: request, id: id)
  }

  /// Sends the browser back to the client with what came out.
  func answer(_ fields: [(String, String)], to request: AuthorizationRequest, id: String) -> ProviderResponse {
    var response = ProviderResponse.redirect(303, to: Self.append(fields, to: request.redirectURI))
    response.headers.append(("set-cookie", browserCookie(id: id, value: "", maxAge: 0)))
    return response
  }

  /// Each sign-in has its cookie, so that two tabs do not get into each other's way. Not `Secure`: the provider is plain HTTP
  /// on loopback.
  private func browserCookie(id: String, value: String, maxAge: Int64? = nil) -> String {
    let path = configuration.issuer.path.isEmpty ? "/" : configuration.issuer.path
    let seconds = maxAge ?? configuration.lifetimes.authRequests / 1000
    return "\(Self.cookieName(id: id))=\(value); Path=\(path); HttpOnly; SameSite=Lax; Max-Age=\(seconds)"
  }

  private static func cookieName(id: String) -> String { "provider_\(id.prefix(10))" }

  private static func append(_ fields: [(String, String)], to uri: String) -> String {
    let query = fields.map { "\($0.0)=\(FormFields.encode($0.1))" }.joined(separator: "&")
    return uri + (uri.contains("?") ? "&" : "?") + query
  }
}
