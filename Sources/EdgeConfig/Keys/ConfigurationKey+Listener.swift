extension ConfigurationKey {
  static let listenerKeys: [ConfigurationKey] = [
    .init(
      .global, "address", .address, default: ":443",
      "Where visitors are served: HTTPS, or plain HTTP with `insecure_server`"),
    .init(
      .global, "http_redirect_addr", .address,
      "Where plain HTTP is answered with a redirect (308) to HTTPS, for names that are served; `:80` usually"),
    .init(
      .global, "insecure_server", .flag, default: "false",
      "Plain HTTP on `address`, for use behind a TLS terminator of your own"),
    .init(
      .global, "trusted_proxies", .list,
      "Addresses and CIDR blocks whose `X-Forwarded-For` is believed"),
    .init(
      .global, "timeout_read", .duration, default: "30s",
      "For a request's head, and for silence within its body; 0 is none"),
    .init(
      .global, "timeout_write", .duration, default: "2m",
      "For a visitor that takes nothing of its response; 0 is none"),
    .init(.global, "timeout_idle", .duration, default: "5m", "For a visitor's connection without a request; 0 is none"),
    .init(
      .global, "max_connections", .number, default: "16384",
      "Connections of visitors; those beyond are told so (503). At most three quarters of the descriptors that the process may have"
    ),
    .init(
      .global, "per_source_max_connections", .number, default: "4096",
      "Of these from one address (IPv6: /64), and at most half of them (429); `trusted_proxies` and this machine are not counted; 0 is no limit"
    ),
    .init(
      .global, "default_upstream_timeout", .duration, default: "30s",
      "For the head of a response, where a route has no `timeout`; 0 is none"),
    .init(
      .global, "set_response_headers", .map,
      "Headers of every response of a route, instead of what services send; `disable: true` among them turns the default security headers off"
    ),
    .init(
      .global, "contact", .text,
      "Whom people may turn to, as the edge's pages name it: an address, or words like `the IT desk`"),
    .init(
      .global, "error_pages", .map,
      "Files shown to people who are refused, instead of the edge's own pages: by status (`503`) or class (`4xx`, `5xx`)"
    ),
    .init(
      .global, "pass_identity_headers", .flag, default: "false",
      "Whether services get the signed assertion and claim headers"),
    .init(
      .global, "jwt_claims_headers", .listOrMap,
      "Claims sent as headers: a list of claims (`X-Pomerium-Claim-<Name>`), or header names with claims"),
    .init(.global, "jwt_groups_filter", .list, "Only these groups go into the assertion"),
    .init(
      .global, "jwt_issuer_format", .choice(["hostOnly", "uri"]), default: "hostOnly",
      "The assertion's issuer: the bare host, or `https://host/`"),
    .init(.global, "shutdown_timeout", .duration, default: "30s", "How long open requests may finish after TERM"),
    .init(
      .global, "reconnect_grace", .duration, default: "10s",
      "How long a request waits for a tunnel that has just dropped; 0 is none"),
    .init(
      .global, "tunnel_balance", .choice(["round_robin", "least_request", "failover"]), default: "round_robin",
      "Which of several tunnels of one person gets a request"),
    .init(.global, "routes", .routes, "What is published, and to whom; see the keys of a route"),
    .init(.global, "policy", .routes, "The old name of `routes`; in the environment base64 of such a list"),
    .init(.global, "services", .choice(["all"]), default: "all", "One process does everything; only `all` is possible"),
    .init(
      .global, "use_proxy_protocol", .flag, default: "false",
      "Connections of `trusted_proxies` to `address` begin with a PROXY header, version 1 or 2; others come as themselves"
    ),
    .init(
      .global, "xff_num_trusted_hops", .number, default: "0",
      "Of a trusted proxy's `X-Forwarded-For`, which address from the right is the visitor's; 0: the last that is no trusted proxy's"
    ),
    .init(
      .global, "codec_type", .choice(["auto", "http1", "http2", "http3"]), default: "auto",
      "Protocols that visitors may speak: both, or only one of them; `http3` is not supported"),
    .init(
      .global, "skip_xff_append", .flag, default: "false",
      "`X-Forwarded-For` of `trusted_proxies` is passed on as it came, without their own address behind it"),
    .init(
      .global, "headers_with_underscores_action", .choice(["allow", "reject_request", "drop_header"]), default: "allow",
      "Request headers with `_` in their names; those that look like the edge's own are always removed"),
    .init(
      .global, "normalize_path", .flag, default: "false",
      "Resolves `.` and `..` in paths and unescapes what need not be escaped, before anything is decided; otherwise such paths are refused where they matter"
    ),
    .init(
      .global, "merge_slashes", .flag, default: "false",
      "Takes several slashes in paths for one, before anything is decided"),
    .init(
      .global, "path_with_escaped_slashes_action",
      .choice(["keep_unchanged", "reject_request", "unescape_and_redirect", "unescape_and_forward"]),
      default: "keep_unchanged", "What becomes of paths with `%2f` or `%5c`"),
    .init(.global, "max_request_bytes", .number, default: "0", "Largest request body in bytes (413); 0 is any size"),
    .init(
      .global, "per_visitor_max_request_rate", .text,
      "How fast one visitor's requests to one route may come (429): `100/s`, `30/m burst:60`; a visitor is a person where signed in, an address (IPv6: /64) otherwise"
    ),
    .init(
      .global, "per_visitor_max_requests", .number, default: "0",
      "How many of these may be under way, WebSockets among them (429); 0 is any number"),
    .init(
      .global, "per_route_max_request_rate", .text, "How fast the requests of all visitors to one route may come (503)"),
    .init(
      .global, "per_route_max_requests", .number, default: "0",
      "How many of these may be under way (503); 0 is any number"
    ),
  ]
}
