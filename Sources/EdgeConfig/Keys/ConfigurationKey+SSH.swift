extension ConfigurationKey {
  static let sshKeys: [ConfigurationKey] = [
    .init(.global, "ssh_address", .address, "Where ssh clients are served; no ssh without it (port 22 when left out)"),
    .init(.global, "ssh_host_key_files", .list, "Private host keys in OpenSSH format, one of each kind"),
    .init(.global, "ssh_host_keys", .list, secret: true, "Host keys as text (PEM, or base64 of it)"),
    .init(
      .global, "ssh_host_certificate_files", .list,
      "OpenSSH certificates of host keys (`-cert.pub`), for clients that trust their authority"),
    .init(.global, "ssh_user_ca_key_file", .path, "The key that signs certificates for logins on ssh routes"),
    .init(.global, "ssh_user_ca_key", .pem, secret: true, "The same as text (PEM, or base64 of it)"),
    .init(.global, "ssh_login_grace_time", .duration, default: "120s", "For a client that has not proved a key yet"),
    .init(.global, "ssh_sign_in_timeout", .duration, default: "15m", "For a sign-in that waits for its browser"),
    .init(
      .global, "ssh_max_startups", .text, default: "100:30:200",
      "Connections without a proved key: from the first number on some are refused (per cent), at the last all"),
    .init(
      .global, "ssh_per_source_max_startups", .number, default: "20",
      "The same for one source; beyond it, those who take too long make room; 0 is no limit"),
    .init(
      .global, "ssh_per_source_net_block_size", .text, default: "32:64",
      "What is one source: prefix lengths of IPv4 and IPv6 addresses"),
    .init(
      .global, "ssh_per_source_penalties", .text,
      default: "crash:90s authfail:5s refuseconnection:10s noauth:1s grace-exceeded:10s max:600s min:15s "
        + "max-sources4:65536 max-sources6:65536",
      "How long a source is turned away for what, as in sshd_config; what is left out keeps its default; `no` is never"),
    .init(
      .global, "ssh_per_source_penalty_exempt_list", .list, default: "127.0.0.0/8,::1",
      "Addresses and blocks that stand for many people: neither limited nor penalised as one source"),
    .init(
      .global, "ssh_max_connections_per_user", .number, default: "1024",
      "Connections of one person who has signed in, from all their sources"),
    .init(
      .global, "ssh_use_proxy_protocol", .flag, default: "false",
      "Whether `trusted_proxies` must announce whom they serve, by a PROXY header (version 1 or 2) before ssh's first byte"
    ),
    .init(.global, "ssh_max_forwards", .number, default: "128", "Remote forwards of one connection"),
    .init(
      .global, "ssh_max_channels", .number, default: "64",
      "Visitors' channels that one client is asked to hold at once; the others wait"),
    .init(
      .global, "ssh_window_memory", .number, default: "0",
      "MiB that all clients together may have under way to visitors; 0 is a quarter of the memory"),
    .init(
      .global, "ssh_keepalive_interval", .duration, default: "15s",
      "How often a silent client is asked; three misses end it; 0 is never"),
    .init(
      .global, "ssh_prefer_aes_gcm", .flag,
      "Whether AES-GCM goes before ChaCha20 for OpenSSH clients; on where the processor has AES"),
    .init(
      .global, "ssh_require_strict_kex", .flag, default: "false",
      "Whether clients without strict key exchange (CVE-2023-48795) are turned away"),
    .init(
      .global, "ssh_additional_kex_algorithms", .list,
      "Key exchanges offered beyond the usual ones; there is `diffie-hellman-group18-sha512`, dear for the edge"),
    .init(
      .global, "ssh_rekey_limit", .text, default: "default 1h",
      "When session keys are renewed, as RekeyLimit of sshd_config: bytes (`default` is by cipher), then a time or `none`"
    ),
    .init(
      .global, "ssh_new_source", .choice(["notify", "sign_in"]), default: "notify",
      "What happens when a known key comes from a new address"),
    .init(
      .global, "ssh_sign_in_check", .choice(["auto", "page", "terminal"]), default: "auto",
      "Whether a first sign-in must type digits from the page at the ssh prompt"),
    .init(
      .global, "ssh_known_hosts_file", .path, .later("ssh routes are served by a later version"),
      "Host keys of the hosts behind ssh routes"),
    .init(
      .global, "ssh_host_key_policy", .choice(["accept_new", "strict"]), default: "accept_new",
      .later("ssh routes are served by a later version"), "Whether an unknown host key is pinned or refused"),
    .init(
      .global, "ssh_rls_enabled", .flag, default: "false", .noEffect("limits are built in: `ssh_max_startups`"),
      "Rate limiting by an external service"),
    .init(
      .global, "ssh_rls_additional_entries", .list, .noEffect("limits are built in: `ssh_max_startups`"),
      "Rate limiting by an external service"),
  ]

  static let storageKeys: [ConfigurationKey] = [
    .init(
      .global, "databroker_storage_type", .choice(["memory", "file"]), default: "memory",
      "Whether sessions and bindings survive a restart"),
    .init(
      .global, "databroker_storage_connection_string", .url, secret: true,
      "For `file`: `file:///directory`, which is created"),
    .init(.global, "databroker_storage_connection_string_file", .path, "A file with the connection string"),
    .init(.global, "databroker_service_url", .url, .noEffect(oneProcess), "Split services"),
    .init(.global, "databroker_service_urls", .list, .noEffect(oneProcess), "Split services"),
    .init(.global, "databroker_internal_service_url", .url, .noEffect(oneProcess), "Split services"),
    .init(.global, "databroker_cluster_node_id", .text, .notYet(cluster), "Clusters"),
    .init(.global, "databroker_cluster_leader_id", .text, .notYet(cluster), "Clusters"),
    .init(.global, "databroker_cluster_nodes", .list, .notYet(cluster), "Clusters"),
    .init(.global, "databroker_raft_bind_address", .address, .notYet(cluster), "Clusters"),
  ]

  private static let cluster = "clusters come with a later version"

  static let observabilityKeys: [ConfigurationKey] = [
    .init(
      .global, "log_level", .choice(["trace", "debug", "info", "warn", "error", "fatal", "panic", "disabled"]),
      default: "info", "How much is logged"),
    .init(.global, "access_log_file", .path, "Where the access log goes instead of standard output; USR1 reopens it"),
    .init(.global, "audit_log_file", .path, "Where the audit log goes instead of standard output; USR1 reopens it"),
    .init(
      .global, "metrics_address", .address,
      "Where `/metrics` (Prometheus), `/healthz` and `/readyz` are served in plain HTTP; loopback only, unless `metrics_basic_auth` is set"
    ),
    .init(
      .global, "metrics_basic_auth", .text, secret: true,
      "Base64 of the `user:password` that everybody at `metrics_address` must send"),
    .init(.global, "metrics_certificate", .pem, .notYet(metrics), "TLS of the metrics"),
    .init(.global, "metrics_certificate_key", .pem, secret: true, .notYet(metrics), "TLS of the metrics"),
    .init(.global, "metrics_certificate_file", .path, .notYet(metrics), "TLS of the metrics"),
    .init(.global, "metrics_certificate_key_file", .path, .notYet(metrics), "TLS of the metrics"),
    .init(.global, "metrics_client_ca", .pem, .notYet(metrics), "Client certificates for the metrics"),
    .init(.global, "metrics_client_ca_file", .path, .notYet(metrics), "Client certificates for the metrics"),
    .init(
      .global, "health_check_addr", .address,
      .later("`/healthz` and `/readyz` are at `metrics_address` and on the authenticate host"),
      "A listener for health checks; loopback only"),
    .init(
      .global, "debug_address", .address, .later("there is no debug listener"),
      "A listener for debugging; loopback only"),
    .init(
      .global, "access_log_fields", .list, .noEffect("the access log always has all its fields"),
      "Fields of the access log"),
    .init(
      .global, "authorize_log_fields", .list, .noEffect("the audit log always has all its fields"),
      "Fields of the audit log"),
    .init(.global, "proxy_log_level", .text, .noEffect("`log_level` is for everything"), "Level of Envoy's log"),
  ]

  private static let metrics =
    "metrics are plain HTTP: listen on loopback with `metrics_address`, behind a TLS terminator or a tunnel of your own"
}
