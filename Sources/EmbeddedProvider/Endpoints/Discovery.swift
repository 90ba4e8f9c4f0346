import Logging
import NIOPosix
import PlainText

extension ProviderService {
  /// `/.well-known/openid-configuration`.
  func discovery(_ issuer: IssuerURL) -> ProviderResponse {
    let base = issuer.text
    return .json(
      .object([
        ("issuer", .string(base)),
        ("authorization_endpoint", .string(base + "/auth")),
        ("token_endpoint", .string(base + "/token")),
        ("jwks_uri", .string(base + "/keys")),
        ("userinfo_endpoint", .string(base + "/userinfo")),
        ("grant_types_supported", .strings("authorization_code", "refresh_token")),
        ("response_types_supported", .strings("code")),
        ("response_modes_supported", .strings("query")),
        ("subject_types_supported", .strings("public")),
        ("id_token_signing_alg_values_supported", .strings("RS256")),
        ("code_challenge_methods_supported", .strings("S256")),
        ("scopes_supported", .strings("openid", "email", "groups", "profile", "offline_access")),
        ("token_endpoint_auth_methods_supported", .strings("client_secret_basic", "client_secret_post")),
        (
          "claims_supported",
          .strings("iss", "sub", "aud", "iat", "exp", "nonce", "at_hash", "email", "email_verified", "name", "groups")
        ),
      ]), cacheControl: "max-age=60")
  }

  /// `/keys`: a key may have to be made for it, which takes a moment.
  func keySet() async -> ProviderResponse {
    let keys = keys
    let now = clock()
    let published = try? await NIOThreadPool.singleton.runIfActive { try keys.published(now: now) }
    guard let published else { return serverError("The signing keys cannot be read.") }
    return .json(published, cacheControl: "max-age=120, must-revalidate")
  }

  func serverError(_ description: String) -> ProviderResponse {
    logger.error("identity provider failed", metadata: ["reason": "\(description)"])
    return .oauthError("server_error", description, status: 500)
  }
}
