extension ConfigurationKey {
  /// What tunes Envoy, splits services or traces: known, so that nobody is told of a misspelling.
  static let tuningKeys: [ConfigurationKey] =
    ([
      ("envoy_admin_address", .address),
      ("envoy_admin_access_log_path", .path),
      ("envoy_admin_profile_path", .path),
      ("envoy_bind_config_source_address", .text),
      ("envoy_bind_config_freebind", .flag),
      ("circuit_breaker_thresholds", .object),
      ("dns_failure_refresh_rate", .duration),
      ("dns_lookup_family", .text),
      ("dns_query_timeout", .duration),
      ("dns_query_tries", .number),
      ("dns_refresh_rate", .duration),
      ("dns_udp_max_queries", .number),
      ("dns_use_tcp", .flag),
    ] as [(String, Kind)]).map {
      .init(.global, $0.0, $0.1, .noEffect("it tunes Envoy, which is not here"), "Tunes Envoy")
    }
    + ([
      ("grpc_address", .address),
      ("grpc_insecure", .flag),
      ("grpc_client_timeout", .duration),
      ("grpc_client_dns_roundrobin", .flag),
    ] as [(String, Kind)]).map { .init(.global, $0.0, $0.1, .noEffect(oneProcess), "Split services") }
    + [
      "otel_traces_exporter",
      "otel_traces_sampler",
      "otel_traces_sampler_arg",
      "otel_resource_attributes",
      "otel_log_level",
      "otel_attribute_value_length_limit",
      "otel_exporter_otlp_endpoint",
      "otel_exporter_otlp_traces_endpoint",
      "otel_exporter_otlp_protocol",
      "otel_exporter_otlp_traces_protocol",
      "otel_exporter_otlp_headers",
      "otel_exporter_otlp_traces_headers",
      "otel_exporter_otlp_timeout",
      "otel_exporter_otlp_traces_timeout",
      "otel_bsp_schedule_delay",
      "otel_bsp_max_export_batch_size",
    ].map { .init(.global, $0, .text, .later("there is no tracing in this version"), "Tracing") }
}
