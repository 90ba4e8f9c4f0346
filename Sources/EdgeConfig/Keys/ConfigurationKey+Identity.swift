extension ConfigurationKey {
  static let identityKeys: [ConfigurationKey] = [
    .init(
      .global, "authenticate_service_url", .url,
      "The address, of this same edge, where people sign in; must not be the host of a route"),
    .init(
      .global, "shared_secret", .key32, secret: true,
      "Base64 of 32 bytes that sign what the edge hands out; without it sessions end with the process"),
    .init(.global, "shared_secret_file", .path, "A file with the `shared_secret`"),
    .init(.global, "cookie_secret", .key32, secret: true, "Base64 of 32 bytes that protect cookies"),
    .init(.global, "cookie_secret_file", .path, "A file with the `cookie_secret`"),
    .init(.global, "cookie_name", .text, default: "_pomerium", "Name of the session cookie, after `__Host-`"),
    .init(.global, "cookie_expire", .duration, default: "14h", "How long a session lasts"),
    .init(
      .global, "cookie_domain", .text,
      .notYet("cookies belong to one host each, so that no published service can read another's; take it out"),
      "Wider cookies"),
    .init(
      .global, "cookie_same_site", .choice(["lax", "strict", "none"]), default: "lax",
      .notYet("cookies are always SameSite=Lax; take it out"), "SameSite of cookies"),
    .init(
      .global, "cookie_http_only", .flag, default: "true",
      .notYet("session cookies are always HttpOnly, so that no script of a published page can read them; take it out"),
      "HttpOnly of cookies"),
    .init(
      .global, "cookie_secure", .flag, default: "true", .removed("cookies are always Secure; take it out"),
      "Secure cookies"),
    .init(
      .global, "signing_key", .pem, secret: true,
      "The private key (PEM, or base64 of it) that signs assertions; derived from `shared_secret` when missing"),
    .init(.global, "signing_key_file", .path, "A file with the `signing_key`"),
    .init(
      .global, "idp_provider", .choice(ProviderKind.all.map(\.name)),
      "The kind of identity provider; people see this word in the sign-in prompt"),
    .init(
      .global, "idp_provider_url", .url,
      "The provider's issuer URL, exactly as it names itself, or the address of a GitHub or GitLab server; not needed for `google`, github.com and gitlab.com"
    ),
    .init(.global, "idp_client_id", .text, "This edge's name at the provider"),
    .init(.global, "idp_client_secret", .text, secret: true, "This edge's password at the provider"),
    .init(.global, "idp_client_secret_file", .path, "A file with the `idp_client_secret`"),
    .init(
      .global, "idp_scopes", .list, default: "openid,profile,email,offline_access",
      "What is asked of the provider; `github`, `google`, `gitlab`, `cognito` and `onelogin` have others, which they take"
    ),
    .init(.global, "idp_request_params", .map, "Further parameters of the sign-in request"),
    .init(
      .global, "idp_email_trusted", .flag,
      "Whether an address counts when the provider does not say that it is verified; decided by the provider when missing"
    ),
    .init(.global, "idp_service_account", .text, secret: true, .removed("groups come from the `groups` claim"), "-"),
    .init(
      .global, "idp_refresh_directory_timeout", .duration, .removed("there is no directory sync; take it out"), "-"),
    .init(
      .global, "idp_refresh_directory_interval", .duration, .removed("there is no directory sync; take it out"), "-"),
    .init(.global, "idp_qps", .number, .removed("there is no directory sync; take it out"), "-"),
    .init(.global, "idp_access_token_allowed_audiences", .list, .notYet(bearers), "Audiences of bearer tokens"),
    .init(
      .global, "bearer_token_format", .choice(["default", "idp_access_token", "idp_identity_token", "jwt"]),
      default: "default", .notYet(bearers), "Bearer tokens that programs may present"),
    .init(
      .global, "identity_providers", .map,
      .notYet("issuers of workload tokens are written as `workload` of an entry of `service_accounts`"),
      "Issuers of workload tokens"),
    .init(
      .global, "service_accounts", .list,
      "Programs that publish or visit without a browser: objects with `name`, `public_keys`, `ssh_ca`, `tokens` or `workload`, `expires`, `routes`, and if you like `source_addresses`"
    ),
    .init(
      .global, "admins", .policy, .notYet("the administrators' pages come with a later version"),
      "Who may see and end everything"),
    .init(.global, "administrators", .list, .removed("write a policy as `admins`"), "-"),
    .init(
      .global, "workload_max_session", .duration, default: "1h",
      "How long an ssh key stands for its service account after a job has shown its token, and how old a token may be that visits; the token's own end comes first"
    ),
    .init(
      .global, "signout_redirect_url", .url,
      "Where people go after signing out, instead of staying on the page that says so"),
    .init(
      .global, "programmatic_redirect_domain_whitelist", .list, default: "localhost,127.0.0.1,[::1]",
      "Where programmatic login may send a token: of these three, for any port"),
    .init(.global, "authenticate_internal_service_url", .url, .noEffect(oneProcess), "Split services"),
    .init(
      .global, "authenticate_callback_path", .path, default: "/oauth2/callback",
      .notYet("the path is always `/oauth2/callback`"), "Where the provider sends people back to"),
    .init(.global, "authorize_service_url", .url, .noEffect(oneProcess), "Split services"),
    .init(.global, "authorize_service_urls", .list, .noEffect(oneProcess), "Split services"),
    .init(.global, "authorize_internal_service_url", .url, .noEffect(oneProcess), "Split services"),
    .init(.global, "forward_auth_url", .url, .removed("the edge is the proxy itself; there is no forward-auth"), "-"),
    .init(.global, "headers", .map, .removed("it is called `set_response_headers`"), "-"),
  ]

  private static let bearers =
    "the provider's own tokens are not taken as bearers; programs use `tunnel-edge login`, or `tokens` and `workload` of `service_accounts`"
  static let oneProcess = "one process does everything here"
}
