import Policy

/// The provider's discovery document, checked (OpenID Connect Discovery 4).
struct ProviderMetadata: Sendable, Hashable {
  enum ClientAuthentication: Sendable, Hashable { case basic, post }

  let issuer: String
  let authorizationEndpoint: String
  let tokenEndpoint: String
  let keysURL: String
  let userinfoEndpoint: String?
  /// Where people sign out of the provider.
  let endSessionEndpoint: String?
  /// Where tokens are taken back (RFC 7009).
  let revocationEndpoint: String?
  let clientAuthentication: ClientAuthentication
  /// At the revocation endpoint.
  let revocationAuthentication: ClientAuthentication
  /// RFC 9207: the callback must name the issuer.
  let namesIssuerInCallback: Bool
  /// What `prompt` may say, if the provider lists it.
  let prompts: [String]

  static func url(issuer: String) -> String {
    (issuer.hasSuffix("/") ? String(issuer.dropLast()) : issuer) + "/.well-known/openid-configuration"
  }

  init(_ document: ClaimValue, configuredIssuer: String, provider: String = "oidc") throws(IdentityError) {
    guard let issuer = document.text("issuer") else {
      throw Self.unusable("it names no issuer", configuredIssuer)
    }
    guard
      issuer == configuredIssuer
        || TenantIssuer.isTemplate(issuer, of: configuredIssuer, provider: provider)
    else {
      throw IdentityError(
        .providerMisbehaved,
        "The identity provider calls itself another name than the edge was told. Whoever runs this edge finds both "
          + "names in its log.",
        diagnostics: "the issuer must be the same everywhere: idp_provider_url says \(quoted(configuredIssuer)), the "
          + "document at \(Self.url(issuer: configuredIssuer)) says \(quoted(issuer)); write one name in both places, one "
          + "that browsers and the edge can reach alike, also inside containers")
    }
    func endpoint(_ name: String) throws(IdentityError) -> String? {
      guard let value = document.member(name), value != .null else { return nil }
      guard let text = value.asText, let url = WebURL(text) else {
        throw Self.unusable("\(name) is no http or https URL", configuredIssuer)
      }
      guard url.scheme == "https" || !configuredIssuer.hasPrefix("https:") else {
        throw Self.unusable("\(name) is plain http although the issuer is https", configuredIssuer)
      }
      return text
    }
    func required(_ name: String) throws(IdentityError) -> String {
      guard let url = try endpoint(name) else { throw Self.unusable("it names no \(name)", configuredIssuer) }
      return url
    }
    self.issuer = issuer
    authorizationEndpoint = try required("authorization_endpoint")
    tokenEndpoint = try required("token_endpoint")
    keysURL = try required("jwks_uri")
    userinfoEndpoint = try endpoint("userinfo_endpoint")
    endSessionEndpoint = try endpoint("end_session_endpoint")
    // Not needed to sign in, so one that cannot be used is none.
    revocationEndpoint = try? endpoint("revocation_endpoint")
    let methods = document.member("token_endpoint_auth_methods_supported")?.asTexts ?? ["client_secret_basic"]
    clientAuthentication = Self.authentication(methods)
    revocationAuthentication = Self.authentication(
      document.member("revocation_endpoint_auth_methods_supported")?.asTexts ?? methods)
    prompts = document.member("prompt_values_supported")?.asTexts ?? []
    namesIssuerInCallback = document.member("authorization_response_iss_parameter_supported")?.asBool ?? false
  }

  private static func authentication(_ methods: [String]) -> ClientAuthentication {
    methods.contains("client_secret_basic") || !methods.contains("client_secret_post") ? .basic : .post
  }

  private static func unusable(_ why: String, _ issuer: String) -> IdentityError {
    IdentityError(
      .providerMisbehaved, "The identity provider describes itself in a way that cannot be used.",
      diagnostics:
        "\(url(issuer: issuer)): \(why); check that idp_provider_url is the issuer of an OpenID Connect provider")
  }
}
