import EdgeConfig
import Testing

/// Every key of the table does what the table says: a supported one changes the configuration, the others are reported by name.
@Suite struct KeyTableTests {
  private static let key = "-----BEGIN PRIVATE KEY-----\\nAAAA\\n-----END PRIVATE KEY-----\\n"
  private static let chain = "-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----\\n"
  private static let sshKey =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
  private static let secret = "kXq0c9n3dQkCq7rTjJ7oM3gq0c1v8oWnqJY2m2tQ1dM="

  /// A value other than the default for each supported key at the top of the file, and what else it needs or replaces.
  static let globalSamples: [String: String] = [
    "address": "address: 127.0.0.1:8443", "insecure_server": "insecure_server: true",
    "trusted_proxies": "trusted_proxies: [10.0.0.0/8]",
    "timeout_read": "timeout_read: 31s", "timeout_write": "timeout_write: 1m", "timeout_idle": "timeout_idle: 6m",
    "max_connections": "max_connections: 100", "per_source_max_connections": "per_source_max_connections: 0",
    "max_request_bytes": "max_request_bytes: 1\n\(oneRoute)",
    "per_visitor_max_request_rate": "per_visitor_max_request_rate: 30/m burst:60\n\(oneRoute)",
    "per_visitor_max_requests": "per_visitor_max_requests: 3\n\(oneRoute)",
    "per_route_max_request_rate": "per_route_max_request_rate: 1000/s\n\(oneRoute)",
    "per_route_max_requests": "per_route_max_requests: 30\n\(oneRoute)",
    "default_upstream_timeout": "default_upstream_timeout: 0",
    "set_response_headers": "set_response_headers: {disable: true, X-A: b}",
    "contact": "contact: it@example.com", "error_pages": "error_pages: {503: /pages/503.html}",
    "pass_identity_headers": "pass_identity_headers: true\nroutes: [{from: https://a.example.org, to: http://b}]",
    "jwt_claims_headers": "jwt_claims_headers: [email]", "jwt_groups_filter": "jwt_groups_filter: [a]",
    "codec_type": "codec_type: http1",
    "headers_with_underscores_action": "headers_with_underscores_action: reject_request",
    "normalize_path": "normalize_path: true", "merge_slashes": "merge_slashes: true",
    "path_with_escaped_slashes_action": "path_with_escaped_slashes_action: unescape_and_redirect",
    "jwt_issuer_format": "jwt_issuer_format: uri", "shutdown_timeout": "shutdown_timeout: 5s",
    "reconnect_grace": "reconnect_grace: 0", "tunnel_balance": "tunnel_balance: failover",
    "routes": "routes: [{from: https://a.example.org, to: http://b}]",
    "policy": "policy: [{from: https://a.example.org, to: http://b}]",
    "authenticate_service_url": "authenticate_service_url: https://sign-in.example.com:8443",
    "shared_secret": "shared_secret: \(secret)",
    "shared_secret_file": "shared_secret: null\nshared_secret_file: /secrets/cookie",
    "cookie_secret": "cookie_secret: \(secret)", "cookie_secret_file": "cookie_secret_file: /secrets/cookie",
    "cookie_name": "cookie_name: _edge", "cookie_expire": "cookie_expire: 8h", "signing_key": "signing_key: \"\(key)\"",
    "signing_key_file": "signing_key_file: /certs/key.pem", "idp_provider": "idp_provider: \"oidc\"",
    "idp_provider_url": "idp_provider_url: http://localhost:5556/dex", "idp_client_id": "idp_client_id: 12345",
    "idp_client_secret": "idp_client_secret: other",
    "idp_client_secret_file": "idp_client_secret: null\nidp_client_secret_file: /secrets/client",
    "idp_scopes": "idp_scopes: [openid]", "idp_request_params": "idp_request_params: {prompt: login}",
    "idp_email_trusted": "idp_email_trusted: false",
    "signout_redirect_url": "signout_redirect_url: https://example.com/bye?x=1",
    "workload_max_session": "workload_max_session: 10m",
    "programmatic_redirect_domain_whitelist": "programmatic_redirect_domain_whitelist: [127.0.0.1]",
    "service_accounts":
      "service_accounts: [{name: ci, expires: 2099-01-01, routes: [a.example.org], ssh_ca: {key: \(sshKey), principals: [ci]}}]",
    "certificates": "certificates: [{cert: /certs/cert.pem, key: /certs/key.pem}]",
    "certificate": "certificate: \"\(chain)\"\ncertificate_key: \"\(key)\"",
    "certificate_key": "certificate: \"\(chain)\"\ncertificate_key: \"\(key)\"",
    "http_redirect_addr": "http_redirect_addr: :80",
    "downstream_mtls": "downstream_mtls: {ca_file: /certs/cert.pem}",
    "downstream_mtls.ca": "downstream_mtls: {ca: \"\(chain)\"}",
    "downstream_mtls.ca_file": "downstream_mtls: {ca_file: /certs/cert.pem}",
    "downstream_mtls.crl":
      "downstream_mtls: {ca_file: /certs/cert.pem, crl: \"\(chain.replacing("CERTIFICATE", with: "X509 CRL"))\"}",
    "downstream_mtls.crl_file": "downstream_mtls: {ca_file: /certs/cert.pem, crl_file: /certs/crl.pem}",
    "downstream_mtls.enforcement": "downstream_mtls: {ca_file: /certs/cert.pem, enforcement: policy}",
    "downstream_mtls.match_subject_alt_names":
      "downstream_mtls: {ca_file: /certs/cert.pem, match_subject_alt_names: [{dns: '.*'}]}",
    "downstream_mtls.max_verify_depth": "downstream_mtls: {ca_file: /certs/cert.pem, max_verify_depth: 2}",
    "xff_num_trusted_hops": "trusted_proxies: [10.0.0.0/8]\nxff_num_trusted_hops: 2",
    "skip_xff_append": "trusted_proxies: [10.0.0.0/8]\nskip_xff_append: true",
    "use_proxy_protocol": "trusted_proxies: [10.0.0.0/8]\nuse_proxy_protocol: true",
    "certificate_file": "certificate_file: /etc/pomerium/certs/cert.pem",
    "certificate_key_file": "certificate_key_file: /etc/pomerium/certs/key.pem",
    "ssh_address": "ssh_address: :22\n\(hostKeys)", "ssh_host_key_files": "ssh_address: :22\n\(hostKeys)",
    "ssh_host_keys": "ssh_address: :22\nssh_host_keys: [\"\(key)\"]",
    "ssh_user_ca_key_file": "\(ssh)ssh_user_ca_key_file: /etc/pomerium/keys/pomerium_user_ca_key",
    "ssh_user_ca_key": "\(ssh)ssh_user_ca_key: \"\(key)\"", "ssh_login_grace_time": "\(ssh)ssh_login_grace_time: 30s",
    "ssh_sign_in_timeout": "\(ssh)ssh_sign_in_timeout: 5m", "ssh_max_startups": "\(ssh)ssh_max_startups: 10:50:60",
    "ssh_per_source_max_startups": "\(ssh)ssh_per_source_max_startups: 0",
    "ssh_per_source_net_block_size": "\(ssh)ssh_per_source_net_block_size: 24:48",
    "ssh_per_source_penalties": "\(ssh)ssh_per_source_penalties: no",
    "ssh_per_source_penalty_exempt_list": "\(ssh)ssh_per_source_penalty_exempt_list: [10.0.0.0/8]",
    "ssh_max_connections_per_user": "\(ssh)ssh_max_connections_per_user: 5",
    "ssh_use_proxy_protocol": "\(ssh)trusted_proxies: [10.0.0.0/8]\nssh_use_proxy_protocol: true",
    "ssh_require_strict_kex": "\(ssh)ssh_require_strict_kex: true",
    "ssh_additional_kex_algorithms": "\(ssh)ssh_additional_kex_algorithms: [diffie-hellman-group18-sha512]",
    "ssh_rekey_limit": "\(ssh)ssh_rekey_limit: 512M none",
    "ssh_host_certificate_files": "\(ssh)ssh_host_certificate_files: [/keys/host.pub]",
    "ssh_max_channels": "\(ssh)ssh_max_channels: 32", "ssh_window_memory": "\(ssh)ssh_window_memory: 100",
    "ssh_max_forwards": "\(ssh)ssh_max_forwards: 3", "ssh_keepalive_interval": "\(ssh)ssh_keepalive_interval: 0",
    "ssh_prefer_aes_gcm": "\(ssh)ssh_prefer_aes_gcm: false", "ssh_new_source": "\(ssh)ssh_new_source: sign_in",
    "ssh_sign_in_check": "\(ssh)ssh_sign_in_check: terminal",
    "databroker_storage_type": "\(storage)databroker_storage_connection_string: file:///var/lib/x",
    "databroker_storage_connection_string": "\(storage)databroker_storage_connection_string: file:///var/lib/x",
    "databroker_storage_connection_string_file":
      "\(storage)databroker_storage_connection_string_file: /secrets/storage",
    "log_level": "log_level: debug", "access_log_file": "access_log_file: /var/log/a",
    "audit_log_file": "audit_log_file: /var/log/b", "metrics_address": "metrics_address: 127.0.0.1:9090",
    "metrics_basic_auth": "metrics_address: :9090\nmetrics_basic_auth: cHJvbWV0aGV1czpwYXNzd29yZA==",
    "runtime_flags": "runtime_flags: {config_hot_reload: false}",
  ]
  private static let oneRoute = "routes: [{from: https://a.example.org, to: http://b}]"
  private static let hostKeys = "ssh_host_key_files: [/etc/pomerium/keys/pomerium_ssh_host_rsa_key]"
  private static let ssh = "ssh_address: :22\n\(hostKeys)\n"
  private static let storage = "databroker_storage_type: file\n"

  /// Keys whose only possible value is the default.
  private static let fixed: Set = ["services", "idp_provider"]

  @Test func `every supported key has its sample`() {
    let supported = ConfigurationKey.all.filter { $0.scope == .global && $0.status == .supported }.map(\.name)
    #expect(Set(supported) == Set(Self.globalSamples.keys).union(["services"]))
  }

  @Test("a supported key changes the configuration", arguments: globalSamples.sorted { $0.key < $1.key })
  func supported(_ name: String, _ sample: String) throws {
    var files = FakeFiles.usual
    files.add("/secrets/storage", "file:///srv/x\n")
    let sampled = load(merged(sample), files: files)
    #expect(sampled.errors.isEmpty, "\(sampled.diagnostics)")
    let configuration = try #require(sampled.configuration)
    if Self.fixed.contains(name) { return }
    // What the key stands beside is in both, so that the difference is its own.
    let line = name.prefix { $0 != "." } + ":"
    let without = sample.split(separator: "\n").filter { !$0.hasPrefix(line) }.joined(separator: "\n")
    let plain = load(merged(without), files: files)
    #expect(plain.configuration != configuration, "\(name)")
  }

  /// The base with its keys replaced by those of the sample.
  private func merged(_ sample: String) -> String {
    let names = sample.split(separator: "\n").map { $0.prefix { $0 != ":" } }
    let kept = base.split(separator: "\n").filter { line in !names.contains(line.prefix { $0 != ":" }) }
    return (kept.map(String.init) + [sample]).joined(separator: "\n") + "\n"
  }

  /// A value other than the default for each supported key of a route.
  static let routeSamples: [String: String] = [
    "from": "from: https://b.example.org", "to": "to: [http://a:1, http://b:2]", "name": "name: x",
    "description": "description: y", "prefix": "prefix: /x", "path": "path: /y",
    "policy": "policy: [{deny: {or: [{reject: true}]}}]", "upstream_tunnel": "upstream_tunnel: {}",
    "upstream_tunnel.ssh_policy": "upstream_tunnel: {ssh_policy: [{allow: {or: [{user: x}]}}]}",
    "tunnel_sharing": "upstream_tunnel: {}\n    tunnel_sharing: allowed",
    "reconnect_grace": "upstream_tunnel: {}\n    reconnect_grace: 2s", "tunnel_pool": "tunnel_pool: session",
    "idp_client_id": "idp_client_id: c\n    idp_client_secret: s",
    "idp_client_secret": "idp_client_id: c\n    idp_client_secret: s",
    "idp_client_secret_file": "idp_client_id: c\n    idp_client_secret_file: /secrets/client",
    "load_balancing_policy": "load_balancing_policy: MAGLEV", "healthy_panic_threshold": "healthy_panic_threshold: 0",
    "health_checks": "health_checks: [{http: {path: /healthz}}]", "depends_on": "depends_on: [b.example.org]",
    "regex": "regex: /x.*", "regex_priority_order": "regex: /x.*\n    regex_priority_order: 3",
    "regex_rewrite_pattern": "regex_rewrite_pattern: ^/a\n    regex_rewrite_substitution: \\0b",
    "regex_rewrite_substitution": "regex_rewrite_pattern: ^/a\n    regex_rewrite_substitution: \\0b",
    "host_path_regex_rewrite_pattern":
      "host_path_regex_rewrite_pattern: ^/(.*)$\n    host_path_regex_rewrite_substitution: \\1",
    "host_path_regex_rewrite_substitution":
      "host_path_regex_rewrite_pattern: ^/(.*)$\n    host_path_regex_rewrite_substitution: \\1",
    "jwt_groups_filter": "jwt_groups_filter: [a]", "jwt_issuer_format": "jwt_issuer_format: uri",
    "kubernetes_service_account_token": "kubernetes_service_account_token: abc",
    "kubernetes_service_account_token_file": "kubernetes_service_account_token_file: /secrets/client",
    "allow_spdy": "allow_spdy: true",
    "allow_tokens_to_tunnel":
      "upstream_tunnel: {}\n    allow_tokens_to_tunnel: true\n    set_request_headers: {X-T: \"${pomerium.id_token}\"}",
    "tls_downstream_server_name": "tls_downstream_server_name: other.example.org",
    "allow_public_unauthenticated_access": "allow_public_unauthenticated_access: true",
    "allow_any_authenticated_user": "allow_any_authenticated_user: true",
    "allowed_users": "allowed_users: [a@example.org]",
    "allowed_domains": "allowed_domains: [example.org]", "allowed_idp_claims": "allowed_idp_claims: {groups: [a, b]}",
    "timeout": "timeout: 0", "idle_timeout": "idle_timeout: 1h",
    "max_request_bytes": "max_request_bytes: 1", "per_visitor_max_request_rate": "per_visitor_max_request_rate: 5/h",
    "per_visitor_max_requests": "per_visitor_max_requests: 3",
    "per_route_max_request_rate": "per_route_max_request_rate: 7/s",
    "per_route_max_requests": "per_route_max_requests: 30", "allow_websockets": "allow_websockets: false",
    "allow_upgrades": "allow_upgrades: [spdy/3.1, websocket]", "preserve_host_header": "preserve_host_header: true",
    "pass_identity_headers": "pass_identity_headers: true", "set_request_headers": "set_request_headers: {X-A: $$1}",
    "remove_request_headers": "remove_request_headers: [X-B]", "set_response_headers": "set_response_headers: {X-C: d}",
    "error_pages": "error_pages: {5xx: /pages/503.html}", "show_error_details": "show_error_details: true",
    "prefix_rewrite": "prefix_rewrite: /z", "cors_allow_preflight": "cors_allow_preflight: true",
    "allowed_origins": "allowed_origins: [https://other.example.org]",
    "host_rewrite": "host_rewrite: inner:81", "host_rewrite_header": "host_rewrite_header: X-H",
    "rewrite_response_headers": "rewrite_response_headers: [{header: Location, prefix: a, value: b}]",
    "redirect": "redirect: {host_redirect: b.example.org}",
    "redirect.https_redirect": "redirect: {https_redirect: true}",
    "redirect.scheme_redirect": "redirect: {scheme_redirect: http}",
    "redirect.host_redirect": "redirect: {host_redirect: c.example.org}",
    "redirect.port_redirect": "redirect: {port_redirect: 81}",
    "redirect.path_redirect": "redirect: {path_redirect: /x}",
    "redirect.prefix_rewrite": "redirect: {prefix_rewrite: /x}",
    "redirect.response_code": "redirect: {path_redirect: /x, response_code: 307}",
    "redirect.strip_query": "redirect: {path_redirect: /x, strip_query: true}",
    "response": "response: {status: 204}", "response.status": "response: {status: 404}",
    "response.body": "response: {status: 200, body: x}",
    "tls_skip_verify": "to: https://b\n    tls_skip_verify: true",
    "tls_server_name": "to: https://b\n    tls_server_name: c.example.org",
    "tls_upstream_server_name": "to: https://b\n    tls_upstream_server_name: c.example.org",
    "tls_custom_ca": "to: https://b\n    tls_custom_ca: \(pem)",
    "tls_custom_ca_file": "to: https://b\n    tls_custom_ca_file: /certs/cert.pem",
    "tls_client_cert": "to: https://b\n    tls_client_cert: \(pem)\n    tls_client_key_file: /certs/key.pem",
    "tls_client_cert_file":
      "to: https://b\n    tls_client_cert_file: /certs/cert.pem\n    tls_client_key_file: /certs/key.pem",
    "tls_client_key":
      "to: https://b\n    tls_client_cert_file: /certs/cert.pem\n    tls_client_key: \(pem.replacing("CERTIFICATE", with: "PRIVATE KEY"))",
    "tls_client_key_file":
      "to: https://b\n    tls_client_key_file: /certs/key.pem\n    tls_client_cert_file: /certs/cert.pem",
  ]

  private static let pem = #""-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n""#

  @Test func `every supported key of a route has its sample`() {
    let supported = ConfigurationKey.all.filter { $0.scope == .route && $0.status == .supported }.map(\.name)
    #expect(Set(supported) == Set(Self.routeSamples.keys))
  }

  @Test("a supported key changes the route", arguments: routeSamples.sorted { $0.key < $1.key })
  func supportedInRoute(_ name: String, _ sample: String) throws {
    func route(_ sample: String) throws -> RouteConfiguration {
      let names = sample.split(separator: "\n").map { $0.drop { $0 == " " }.prefix { $0 != ":" } }
      let usual = ["from: https://a.example.org", "to: http://localhost:3000"].filter { line in
        let isAnswered = line.hasPrefix("to") && (names.contains("redirect") || names.contains("response"))
        return !isAnswered && !names.contains(line.prefix { $0 != ":" })
      }
      let lines = (usual + [sample]).joined(separator: "\n    ")
      let loaded = load(base + "routes:\n  - \(lines)\n")
      #expect(loaded.errors.isEmpty, "\(loaded.diagnostics)")
      return try #require(loaded.configuration?.routes.first)
    }
    // `to` is part of some samples because they mean nothing without it; it is not what is tried then.
    let without: Substring? = name == "to" ? nil : sample.split(separator: "\n").first { $0.hasPrefix("to:") }
    #expect(try route(sample) != route(without.map(String.init) ?? "logo_url: x"))
    if name == "set_request_headers" { #expect(try route(sample).http.setRequestHeaders.map(\.value) == ["$1"]) }
  }

  @Test(arguments: ["ssh_upstream_tunnel", "config_hot_reload", "match_any_incoming_port"])
  func `a supported runtime flag changes the flags`(_ name: String) throws {
    let preset = try #require(load(base).configuration?.flags)
    let file = try #require(load(base + "runtime_flags: {\(name): false}\n").configuration?.flags)
    let variable = ["RUNTIME_FLAGS_" + name.uppercased(): "false"]
    let environment = try #require(load(base, environment: variable).configuration?.flags)
    #expect(preset != file)
    #expect(file == environment)
  }

  @Test(
    "a key that does not work is reported by its name",
    arguments: ConfigurationKey.all.filter { $0.status != .supported }.map(\.name))
  func unsupported(_ name: String) throws {
    for key in ConfigurationKey.all where key.name == name && key.status != .supported {
      let line = "\(key.name): \(value(for: key))"
      let text =
        switch key.scope {
        case .global: base + line + "\n"
        case .runtimeFlag: base + "runtime_flags:\n  \(line)\n"
        case .route: base + "routes:\n  - from: https://a.example.org\n    to: http://b\n    \(nested(line))\n"
        }
      let reports = load(text).diagnostics.filter { $0.message.contains("`\(key.name)`") }
      let isError =
        switch key.status {
        case .notYet, .removed: true
        case .supported, .noEffect, .later: false
        }
      #expect(
        reports.contains { ($0.severity == .error) == isError && $0.suggestion != nil }, "\(key.name): \(reports)")
      if !key.defaultText.isEmpty {
        let harmless = load(text.replacing(line, with: "\(key.name): \(key.defaultText)"))
        #expect(!harmless.diagnostics.contains { $0.message.contains("`\(key.name)` ") }, "\(harmless.diagnostics)")
      }
    }
  }

  private func nested(_ line: String) -> String {
    guard let dot = line.firstIndex(of: "."), dot < (line.firstIndex(of: ":") ?? line.endIndex) else { return line }
    return "\(line[..<dot]): {\(line[line.index(after: dot)...])}"
  }

  private func value(for key: ConfigurationKey) -> String {
    switch key.kind {
    case .flag: key.defaultText == "true" ? "false" : "true"
    case .list, .routes, .textOrList, .listOrMap: "[x]"
    case .map, .object, .policy: "{x: y}"
    case .address: "127.0.0.1:9"
    case .choice(let choices): choices.last ?? "x"
    case .text, .number, .duration, .url, .key32, .pem, .path: "77"
    }
  }

  @Test func `names are unique in their place and environment names among all`() {
    let keys = ConfigurationKey.all
    #expect(Set(keys.map { "\($0.scope) \($0.name)" }).count == keys.count)
    let variables = keys.compactMap(\.environmentName)
    #expect(Set(variables).count == variables.count)
  }

  @Test func `secrets are marked`() {
    for key in ConfigurationKey.all where key.status == .supported && key.scope == .global {
      let looksSecret =
        key.name.contains("secret") || key.name.hasSuffix("_key") || key.name.hasSuffix("host_keys")
        || key.name.hasSuffix("_auth")
      #expect(
        key.isSecret == (looksSecret && key.kind != .path) || key.name.contains("connection_string"), "\(key.name)")
    }
  }

  @Test func `the reference names every key`() {
    let text = ConfigurationKey.markdown
    for key in ConfigurationKey.all { #expect(text.contains("| `\(key.name)` |"), "\(key.name)") }
    #expect(text.contains("`SSH_ADDRESS`"))
  }
}
