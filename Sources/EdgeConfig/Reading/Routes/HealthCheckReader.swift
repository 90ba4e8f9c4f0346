internal import Policy

/// Reads one entry of `health_checks`, in the words of the reference or in Envoy's.
struct HealthCheckReader {
  let node: YAMLNode
  let source: String
  let findings: Findings

  /// Only tune what Envoy does between checks.
  private static let withoutEffect: Set<String> = [
    "interval_jitter", "interval_jitter_percent", "no_traffic_interval", "no_traffic_healthy_interval",
    "unhealthy_interval", "unhealthy_edge_interval", "healthy_edge_interval", "event_log_path", "event_logger",
    "event_service", "always_log_health_check_failures", "always_log_health_check_success", "reuse_connection",
    "alt_port", "tls_options", "transport_socket_match_criteria",
  ]
  private static let probes = [
    "http": "http", "http_health_check": "http", "tcp": "tcp", "tcp_health_check": "tcp", "grpc": "grpc",
    "grpc_health_check": "grpc",
  ]

  func read() -> HealthCheckConfiguration? {
    guard let entries = node.mapping else {
      error(node, "expected an object, not \(node.kind)")
      return nil
    }
    var check = HealthCheckConfiguration(
      probe: .tcp(send: [], receive: []), timeout: 5_000, interval: 10_000, initialJitter: 0, unhealthyThreshold: 2,
      healthyThreshold: 1)
    var kinds: [String] = []
    for entry in entries {
      if let kind = Self.probes[entry.key] {
        kinds.append(entry.key)
        guard let probe = probe(kind, entry.value) else { return nil }
        check.probe = probe
        continue
      }
      switch entry.key {
      case "timeout": check.timeout = max(duration(entry, check.timeout), 10)
      case "interval": check.interval = max(duration(entry, check.interval), 100)
      case "initial_jitter": check.initialJitter = duration(entry, 0)
      case "unhealthy_threshold": check.unhealthyThreshold = number(entry, check.unhealthyThreshold)
      case "healthy_threshold": check.healthyThreshold = number(entry, check.healthyThreshold)
      case _ where Self.withoutEffect.contains(entry.key):
        warning(entry, "`\(entry.key)` has no effect here", "it tunes Envoy, which is not here")
      case "custom_health_check": error(entry.value, "`custom_health_check` is not supported", "write `http` or `tcp`")
      default:
        unknown(
          entry,
          among: [
            "timeout", "interval", "initial_jitter", "unhealthy_threshold", "healthy_threshold", "http", "tcp", "grpc",
          ])
      }
    }
    guard kinds.count == 1 else {
      error(
        node, kinds.isEmpty ? "neither `http` nor `tcp` nor `grpc`" : "both `\(kinds[0])` and `\(kinds[1])`",
        "write one of them: what is asked?")
      return nil
    }
    return check
  }

  private func probe(_ kind: String, _ node: YAMLNode) -> HealthCheckConfiguration.Probe? {
    guard let entries = node.mapping ?? (node.isNull ? [] : nil) else {
      error(node, "expected an object, not \(node.kind)")
      return nil
    }
    return switch kind {
    case "http": http(entries)
    case "tcp": tcp(entries)
    default: grpc(entries)
    }
  }

  private func http(_ entries: [YAMLEntry]) -> HealthCheckConfiguration.Probe? {
    var path = "/"
    var host: String?
    var expected: [Range<Int>] = []
    var speaksHTTP2 = false
    for entry in entries {
      switch entry.key {
      case "path":
        guard let text = text(entry) else { return nil }
        guard text.hasPrefix("/"), text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
          error(entry.value, "`\(text)` is no path", "it begins with `/` and has printable ASCII only")
          return nil
        }
        path = text
      case "host": host = authority(entry)
      case "expected_statuses": expected = statuses(entry.value)
      case "codec_client_type":
        switch text(entry) {
        case "HTTP1"?: speaksHTTP2 = false
        case "HTTP2"?: speaksHTTP2 = true
        default: error(entry.value, "`codec_client_type` is HTTP1 or HTTP2")
        }
      case "request_headers_to_add", "request_headers_to_remove", "retriable_statuses", "service_name_matcher",
        "method":
        warning(entry, "`\(entry.key)` has no effect here", "checks are plain GETs")
      default: unknown(entry, among: ["path", "host", "expected_statuses", "codec_client_type"])
      }
    }
    return .http(path: path, host: host, expected: expected, speaksHTTP2: speaksHTTP2)
  }

  /// Numbers, or objects with `start` and `end`, which is not among them.
  private func statuses(_ node: YAMLNode) -> [Range<Int>] {
    guard let nodes = node.sequence else {
      error(node, "expected a list of `{start: 200, end: 300}`")
      return []
    }
    return nodes.compactMap { node in
      let start = (node.text ?? node["start"]?.text).flatMap { Int($0) }
      let end = node["end"]?.text.flatMap { Int($0) } ?? (node.text == nil ? nil : start.map { $0 + 1 })
      guard let start, let end, (100...600).contains(start), (100...600).contains(end), start < end else {
        error(node, "no range of statuses", "as `{start: 200, end: 300}`; 300 is not among them")
        return nil
      }
      return start..<end
    }
  }

  private func tcp(_ entries: [YAMLEntry]) -> HealthCheckConfiguration.Probe? {
    var send: [UInt8] = []
    var receive: [[UInt8]] = []
    for entry in entries {
      switch entry.key {
      case "send": send = payload(entry.value) ?? []
      case "receive": receive = (entry.value.sequence ?? [entry.value]).compactMap(payload)
      default: unknown(entry, among: ["send", "receive"])
      }
    }
    return .tcp(send: send, receive: receive.filter { !$0.isEmpty })
  }

  /// `{text: <hex>}` or `{binary: <base64>}`, as Envoy has it; a text alone is hex, too.
  private func payload(_ node: YAMLNode) -> [UInt8]? {
    if let base64 = node["binary"]?.text, let bytes = decodeBase64(base64), bytes.count <= Self.largestPayload {
      return Array(bytes)
    }
    guard let hex = node.text ?? node["text"]?.text, hex.utf8.count.isMultiple(of: 2),
      hex.utf8.count <= 2 * Self.largestPayload
    else {
      error(node, "expected bytes in hexadecimal", "as `{text: 50494e47}`; \(Self.largestPayload) at most")
      return nil
    }
    let digits = Array(hex)
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: digits.count, by: 2) {
      guard let byte = UInt8(String(digits[index...index + 1]), radix: 16) else {
        error(node, "`\(hex)` is not hexadecimal", "as `{text: 50494e47}`")
        return nil
      }
      bytes.append(byte)
    }
    return bytes
  }

  private static let largestPayload = 1024

  private func grpc(_ entries: [YAMLEntry]) -> HealthCheckConfiguration.Probe? {
    var service = ""
    var name: String?
    for entry in entries {
      switch entry.key {
      case "service_name":
        service = text(entry) ?? ""
        if service.utf8.count > 127 { error(entry.value, "`service_name` has more than 127 bytes") }
      case "authority": name = authority(entry)
      case "initial_metadata": warning(entry, "`initial_metadata` has no effect here", "checks carry no metadata")
      default: unknown(entry, among: ["service_name", "authority"])
      }
    }
    return .grpc(service: service, authority: name)
  }

  // MARK: Values

  private func text(_ entry: YAMLEntry) -> String? {
    if let text = entry.value.text { return text }
    error(entry.value, "`\(entry.key)`: expected a text, not \(entry.value.kind)")
    return nil
  }

  private func authority(_ entry: YAMLEntry) -> String? {
    guard let text = text(entry), !text.isEmpty else { return nil }
    guard (try? URLText("http://\(text)"))?.path == "" else {
      error(entry.value, "`\(text)` is no host", "a name, perhaps with a port: service.internal:8080")
      return nil
    }
    return text
  }

  private func duration(_ entry: YAMLEntry, _ fallback: Milliseconds) -> Milliseconds {
    guard let text = text(entry) else { return fallback }
    if let time = milliseconds(fromDuration: text) { return time }
    error(entry.value, "`\(entry.key)`: `\(text)` is no duration", "as 10s, 5m or 500ms")
    return fallback
  }

  private func number(_ entry: YAMLEntry, _ fallback: Int) -> Int {
    guard let text = entry.value.text, let number = Int(text), (1...1000).contains(number) else {
      error(entry.value, "`\(entry.key)`: expected a number from 1 to 1000")
      return fallback
    }
    return number
  }

  private func error(_ node: YAMLNode, _ message: String, _ suggestion: String? = nil) {
    findings.error(Place(source: source, position: node.position), "`health_checks`: \(message)", suggestion)
  }

  private func warning(_ entry: YAMLEntry, _ message: String, _ suggestion: String?) {
    findings.warning(Place(source: source, position: entry.keyPosition), "`health_checks`: \(message)", suggestion)
  }

  private func unknown(_ entry: YAMLEntry, among names: [String]) {
    let nearest = nearestName(to: entry.key, among: names).map { "did you mean `\($0)`?" }
    warning(entry, "unknown key `\(entry.key)`: it has no effect", nearest)
  }
}
