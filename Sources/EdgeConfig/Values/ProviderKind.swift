/// A kind of identity provider, and what is particular about it.
struct ProviderKind: Sendable {
  /// As `idp_provider` names it.
  let name: String
  /// `idp_provider_url` where there is only one, or a usual one.
  var issuer: String?
  /// `idp_scopes` where the usual ones would be refused.
  var scopes: [String]?
  /// False for those that speak plain OAuth.
  var speaksOpenIDConnect = true
  /// The claim that lists groups.
  var groupsClaim = "groups"
  /// Whether issuers of this kind end in a slash, where that is known.
  var endsInSlash: Bool?
  /// Sent with every sign-in unless `idp_request_params` says otherwise.
  var parameters: [RequestParameter] = []
  /// What `idp_provider_url` looks like, for who forgot it.
  var issuerForm: String?

  static let all: [ProviderKind] = [
    ProviderKind(name: "oidc"),
    ProviderKind(name: "auth0", endsInSlash: true, issuerForm: "https://TENANT.auth0.com/"),
    ProviderKind(
      name: "azure", issuer: sharedTenants, endsInSlash: false,
      parameters: [RequestParameter(name: "prompt", value: "select_account")],
      issuerForm: "https://login.microsoftonline.com/TENANT-ID/v2.0"),
    ProviderKind(
      name: "cognito", scopes: ["openid", "profile", "email"], groupsClaim: "cognito:groups",
      issuerForm: "https://cognito-idp.REGION.amazonaws.com/POOL-ID"),
    ProviderKind(
      name: "github", issuer: "https://github.com", scopes: ["user:email", "read:org"], speaksOpenIDConnect: false,
      endsInSlash: false),
    ProviderKind(
      name: "gitlab", issuer: "https://gitlab.com", scopes: ["openid", "profile", "email"], endsInSlash: false),
    // No offline_access there: a refresh token is asked for by a parameter, and given with a fresh consent only.
    ProviderKind(
      name: "google", issuer: "https://accounts.google.com", scopes: ["openid", "profile", "email"], endsInSlash: false,
      parameters: [
        RequestParameter(name: "access_type", value: "offline"),
        RequestParameter(name: "prompt", value: "consent select_account"),
      ]),
    ProviderKind(name: "okta", issuerForm: "https://ORGANISATION.okta.com"),
    ProviderKind(
      name: "onelogin", scopes: ["openid", "profile", "email", "groups"],
      issuerForm: "https://SUBDOMAIN.onelogin.com/oidc/2"),
    ProviderKind(name: "ping", issuerForm: "https://auth.pingone.com/ENVIRONMENT-ID/as"),
  ]

  /// Entra for everybody: accounts of every tenant, and private ones.
  static let sharedTenants = "https://login.microsoftonline.com/common/v2.0"

  static func named(_ name: String) -> ProviderKind? { all.first { $0.name == name } }
}
