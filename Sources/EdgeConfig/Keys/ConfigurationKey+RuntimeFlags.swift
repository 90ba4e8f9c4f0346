extension ConfigurationKey {
  static let runtimeFlagKeys: [ConfigurationKey] = [
    .init(.global, "runtime_flags", .map, "Switches, see below"),
    .init(
      .runtimeFlag, "ssh_upstream_tunnel", .flag, default: "true",
      "Whether routes with `upstream_tunnel` are served by tunnels"),
    .init(
      .runtimeFlag, "ssh_allow_direct_tcpip", .flag, default: "false",
      .notYet("-L, -J and -W come with a later version"), "`-L`, `-J` and `-W` without a route"),
    .init(
      .runtimeFlag, "ssh_routes_portal", .flag, default: "false", .later("the portal comes with ssh routes"),
      "The list of hosts in the ssh shell"),
    .init(
      .runtimeFlag, "routes_portal", .flag, default: "true", .later("there is no portal on the web yet"),
      "The list of routes on the web"),
    .init(
      .runtimeFlag, "config_hot_reload", .flag, default: "true", "Whether changed files are noticed; HUP always reloads"
    ),
    .init(
      .runtimeFlag, "match_any_incoming_port", .flag, default: "true",
      "Whether routes without a port match requests for any port; otherwise for 443"),
    .init(
      .runtimeFlag, "refresh_session_at_id_token_expiration", .flag, default: "true",
      .later("sessions last `cookie_expire`"), "When sessions are refreshed"),
    .init(
      .runtimeFlag, "pomerium_jwt_endpoint", .flag, default: "false",
      .notYet("a route's origin belongs to its publisher: no session data is served there"),
      "Session data at `/.pomerium/jwt`"),
    .init(
      .runtimeFlag, "allow_any_sign_out_redirect_uri", .flag, default: "false",
      .notYet("it would make an open redirect"), "Any redirect after signing out"),
    .init(.runtimeFlag, "mcp", .flag, default: "false", .notYet("there is no MCP gateway"), "MCP gateway"),
    .init(
      .runtimeFlag, "mcp_dynamic_client_registration", .flag, default: "false", .notYet("there is no MCP gateway"),
      "MCP gateway"),
    .init(.runtimeFlag, "debug_admin_endpoints", .flag, default: "false", .later("there are none"), "Debugging"),
    .init(.runtimeFlag, "grpc_databroker_keepalive", .flag, default: "true", .noEffect(oneProcess), "Split services"),
    .init(
      .runtimeFlag, "envoy_resource_manager", .flag, default: "true", .noEffect("there is no Envoy here"), "Tunes Envoy"
    ),
    .init(.runtimeFlag, "authorize_use_synced_data", .flag, default: "true", .noEffect(oneProcess), "Split services"),
    .init(
      .runtimeFlag, "add_extra_metrics_labels", .flag, default: "true", .noEffect("labels are fixed"),
      "Labels of metrics"),
    .init(
      .runtimeFlag, "set_envoy_concurrency_to_go_max_procs", .flag, default: "true",
      .noEffect("there is no Envoy here"), "Tunes Envoy"),
  ]
}
