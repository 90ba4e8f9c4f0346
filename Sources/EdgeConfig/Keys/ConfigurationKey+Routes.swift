extension ConfigurationKey {
  static let routeKeys: [ConfigurationKey] = [
    .init(
      .route, "from", .url,
      "What is visited: `https://host`, one `*` may stand in the first label; also `ssh://name`, `tcp+https://host:port`"
    ),
    .init(
      .route, "to", .textOrList,
      "Where it is served: `http://host:port` or `https://…`, several take turns, `,3` behind one is its weight; with `upstream_tunnel` it gives scheme and Host only and may be left out"
    ),
    .init(.route, "name", .text, "For people"),
    .init(.route, "description", .text, "For people"),
    .init(.route, "prefix", .text, "Only paths that begin with this"),
    .init(.route, "path", .text, "Only this path"),
    .init(
      .route, "regex", .text,
      "Only paths that this regular expression (RE2's syntax) matches from beginning to end; matched in linear time"),
    .init(
      .route, "regex_priority_order", .number,
      "Among the routes of one host with `regex`, a higher one is tried first; those without come last, as they are written"
    ),
    .init(.route, "policy", .policy, "Who may visit; without any allowing key: nobody"),
    .init(.route, "upstream_tunnel", .object, "The service is reached through `ssh -R` only"),
    .init(.route, "upstream_tunnel.ssh_policy", .policy, "Who may open the tunnel; without it: nobody"),
    .init(
      .route, "upstream_tunnel.ssh_policy_rego", .list, .notYet("Rego is not supported; write `ssh_policy`"), "Rego"),
    .init(
      .route, "tunnel_sharing", .choice(["none", "allowed"]), default: "none",
      "Whether several people may back it at once"),
    .init(.route, "reconnect_grace", .duration, "As the global key, for this route; 0 is none"),
    .init(
      .route, "tunnel_pool", .choice(["shared", "session", "off"]), default: "shared",
      "Whose requests may follow each other on a connection to the service: anybody's, those of one session, nobody's"),
    .init(
      .route, "load_balancing_policy",
      .choice(["ROUND_ROBIN", "LEAST_REQUEST", "RANDOM", "RING_HASH", "MAGLEV"]),
      "Which of several `to`, or of several tunnels of one person, gets a request; with the last two a visitor stays with one"
    ),
    .init(
      .route, "health_checks", .list,
      "Objects with `http`, `tcp` or `grpc`: what the service is asked again and again; who fails gets no requests"),
    .init(
      .route, "healthy_panic_threshold", .number, default: "50",
      "In per cent: with fewer healthy ones than this the unhealthy ones get requests, too; 0 never"),
    .init(
      .route, "depends_on", .list, "Hosts, at most 5, that a sign-in at this one visits too, so that it counts there"),
    .init(
      .route, "allow_public_unauthenticated_access", .flag, default: "false", "Everybody may visit without signing in"),
    .init(.route, "allow_any_authenticated_user", .flag, default: "false", "Everybody who is signed in may visit"),
    .init(.route, "allowed_users", .list, "Addresses or user ids that may visit"),
    .init(.route, "allowed_domains", .list, "Domains whose addresses may visit"),
    .init(.route, "allowed_idp_claims", .map, "Claims with the values that may visit"),
    .init(
      .route, "idp_client_id", .text,
      "Visitors sign in with this client of the identity provider, not with the edge's own; one for all routes of a host"
    ),
    .init(.route, "idp_client_secret", .text, secret: true, "The password of that client"),
    .init(.route, "idp_client_secret_file", .path, "A file with the `idp_client_secret`"),
    .init(.route, "timeout", .duration, "For a whole exchange; 0 is none"),
    .init(.route, "idle_timeout", .duration, "For silence on a stream; 0 is none"),
    .init(.route, "max_request_bytes", .number, "As the global key, for this route"),
    .init(.route, "per_visitor_max_request_rate", .text, "As the global key, for this route; 0 is none"),
    .init(.route, "per_visitor_max_requests", .number, "As the global key, for this route"),
    .init(.route, "per_route_max_request_rate", .text, "As the global key, for this route; 0 is none"),
    .init(.route, "per_route_max_requests", .number, "As the global key, for this route"),
    .init(.route, "allow_websockets", .flag, default: "true", "WebSockets work unless this says false"),
    .init(.route, "allow_upgrades", .list, "Upgrade tokens that pass beside `websocket`"),
    .init(.route, "allow_spdy", .flag, default: "false", "The same as `allow_upgrades: [spdy/3.1]`"),
    .init(
      .route, "preserve_host_header", .flag, default: "false",
      "The service sees the visitor's Host instead of that of `to`"),
    .init(.route, "pass_identity_headers", .flag, "As the global key, for this route"),
    .init(
      .route, "jwt_groups_filter", .list, "Groups that go into this route's assertion, beside those of the global key"),
    .init(.route, "jwt_issuer_format", .choice(["hostOnly", "uri"]), "As the global key, for this route"),
    .init(
      .route, "kubernetes_service_account_token", .text, secret: true,
      "For a Kubernetes API server: requests carry this token and act for the visitor (`Impersonate-User`, `Impersonate-Group`)"
    ),
    .init(.route, "kubernetes_service_account_token_file", .path, "The same, as a file"),
    .init(
      .route, "allow_tokens_to_tunnel", .flag, default: "false",
      "Whether whoever opens the tunnel may be handed tokens: the provider's in headers, that of Kubernetes"),
    .init(
      .route, "set_request_headers", .map,
      "Headers set on the way to the service; `${pomerium.…}` in a value is made for each request, `$$` is a dollar"),
    .init(.route, "remove_request_headers", .list, "Headers removed on the way to the service"),
    .init(.route, "set_response_headers", .map, "Headers set on the way to the visitor"),
    .init(.route, "error_pages", .map, "As the global key, for this route: its pages go before the global ones"),
    .init(
      .route, "show_error_details", .flag, default: "false",
      "The 403 page tells people who are signed in which rule of `policy` refused them, and why"),
    .init(
      .route, "prefix_rewrite", .text,
      "Replaces the matched prefix on the way to the service; with `regex` the whole path"),
    .init(
      .route, "regex_rewrite_pattern", .text,
      "What of the path is replaced on the way to the service, wherever it matches; policies see the visitor's path"),
    .init(.route, "regex_rewrite_substitution", .text, #"What it is replaced by; `\1` is the first group"#),
    .init(
      .route, "host_path_regex_rewrite_pattern", .text,
      "What of the visitor's path is replaced to make the Host that the service sees"),
    .init(
      .route, "host_path_regex_rewrite_substitution", .text,
      "What it is replaced by; where no host comes of it, the service sees the usual one"),
    .init(
      .route, "tls_skip_verify", .flag, default: "false", "An `https` service is not checked: anybody could be it"),
    .init(
      .route, "tls_upstream_server_name", .text,
      "What an `https` service's certificate must be for, instead of the host of `to`"),
    .init(.route, "tls_server_name", .text, "The same, by its older name"),
    .init(
      .route, "tls_downstream_server_name", .text,
      "A name that visitors may give in the TLS handshake instead of the host of `from`"),
    .init(.route, "tls_custom_ca", .pem, "An authority trusted for this service, beside the system's"),
    .init(.route, "tls_custom_ca_file", .path, "The same, as a file"),
    .init(.route, "tls_client_cert", .pem, "The certificate that the edge shows to the service"),
    .init(.route, "tls_client_cert_file", .path, "The same, as a file"),
    .init(.route, "tls_client_key", .pem, secret: true, "The key of `tls_client_cert`"),
    .init(.route, "tls_client_key_file", .path, "The same, as a file"),
    .init(.route, "host_rewrite", .text, "The Host that the service sees"),
    .init(.route, "host_rewrite_header", .text, "The header of the request that holds the Host that the service sees"),
    .init(
      .route, "rewrite_response_headers", .list,
      "Objects with `header`, `prefix` and `value`: a value that begins with `prefix` begins with `value` instead"),
    .init(.route, "redirect", .object, "Redirects whoever may visit, instead of serving"),
    .init(.route, "redirect.https_redirect", .flag, default: "false", "To https"),
    .init(.route, "redirect.scheme_redirect", .choice(["https", "http"]), "To this scheme"),
    .init(.route, "redirect.host_redirect", .text, "To this host"),
    .init(.route, "redirect.port_redirect", .number, "To this port"),
    .init(.route, "redirect.path_redirect", .text, "To this path"),
    .init(.route, "redirect.prefix_rewrite", .text, "The matched prefix becomes this"),
    .init(
      .route, "redirect.response_code", .choice(["301", "302", "303", "307", "308"]), default: "301", "The status"),
    .init(.route, "redirect.strip_query", .flag, default: "false", "Without the query"),
    .init(.route, "response", .object, "Answers whoever may visit, instead of serving"),
    .init(.route, "response.status", .number, "The status"),
    .init(.route, "response.body", .text, "The text"),
    .init(.route, "cors_allow_preflight", .flag, default: "false", "CORS preflights pass without signing in"),
    .init(.route, "allowed_origins", .list, "Origins whose pages may send requests with this route's cookie"),
  ]

  /// What would change what is served or to whom, and what only tunes.
  private static let oneListener =
    "name all authorities in `downstream_mtls`, and tell their certificates apart by `client_certificate` in the policy"

  static let routeTuningKeys: [ConfigurationKey] = [
    .init(.route, "id", .text, .noEffect("ids are made from `from` and `to`"), "Id of the route"),
    .init(.route, "logo_url", .url, .later("there is no portal on the web yet"), "Picture in the portal"),
    .init(.route, "sub_policies", .list, .notYet("write `policy`"), "Policies of the console"),
    .init(.route, "allowed_groups", .list, .removed("write a policy with `groups`"), "-"),
    .init(.route, "identity_providers", .list, .notYet(bearers), "Issuers of workload tokens"),
    .init(.route, "bearer_token_format", .text, .notYet(bearers), "Bearer tokens of programs"),
    .init(.route, "idp_access_token_allowed_audiences", .list, .notYet(bearers), "Audiences of bearer tokens"),
    .init(
      .route, "enable_google_cloud_serverless_authentication", .flag, default: "false", .notYet(here), "Google's tokens"
    ),
    .init(.route, "mcp", .object, .notYet("there is no MCP gateway"), "MCP"),
    .init(
      .route, "allow_socks_prefix", .flag, default: "false", .later("TCP routes are served by a later version"),
      "Streams that begin like SOCKS"),
    .init(
      .route, "load_balancing_weights", .list, .removed("write the weight behind each `to`: http://a:8080,3"), "-"),
    .init(
      .route, "outlier_detection", .object,
      .noEffect("answers to visitors do not count against a service; write `health_checks`"), "Tunes Envoy"),
    .init(
      .route, "circuit_breaker_thresholds", .object, .noEffect("write `per_route_max_requests`"), "Tunes Envoy"),
    .init(
      .route, "tls_upstream_allow_renegotiation", .flag, default: "false",
      .notYet("TLS to services is never renegotiated"), "TLS to the service"),
    .init(
      .route, "tls_downstream_client_ca", .pem, .removed(oneListener),
      "Client certificates"),
    .init(
      .route, "tls_downstream_client_ca_file", .path, .removed(oneListener),
      "Client certificates"),
    .init(
      .route, "session_recording", .object, .notYet("sessions are not recorded in this version"),
      "Recording of ssh sessions"),
    .init(.route, "ssh_host_key", .textOrList, .later(sshRoutes), "Host keys of the host"),
    .init(.route, "ssh_host_ca", .textOrList, .later(sshRoutes), "Authority of the host's key"),
    .init(.route, "ssh_host_key_policy", .choice(["accept_new", "strict"]), .later(sshRoutes), "Unknown host keys"),
    .init(.route, "ssh_permit", .list, .later(sshRoutes), "Extensions of the certificate"),
  ]

  private static let here = "it is not part of this version"
  private static let bearers =
    "the provider's own tokens are not taken as bearers; programs use `tunnel-edge login`, or `tokens` and `workload` of `service_accounts`"
  private static let sshRoutes = "ssh routes are served by a later version"
}
