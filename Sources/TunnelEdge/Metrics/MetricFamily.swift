/// One name of the exposition: what docs/operations.md says of it is what is sent.
struct MetricFamily: Sendable, Hashable {
  enum Kind: String, Sendable { case counter, gauge, histogram }

  let name: String
  let kind: Kind
  /// Never what visitors or clients send: ids and addresses of the configuration, and words of this program.
  let labels: [String]
  let help: String

  init(_ name: String, _ kind: Kind, _ labels: [String], _ help: String) {
    self.name = name
    self.kind = kind
    self.labels = labels
    self.help = help
  }

  init(_ name: String, _ kind: Kind, _ help: String) { self.init(name, kind, [], help) }
}

extension MetricFamily {
  static let buildInfo = MetricFamily(
    "tunnel_edge_build_info", .gauge, ["version"], "Always 1; the version is in the label.")
  static let ready = MetricFamily(
    "tunnel_edge_ready", .gauge,
    "Whether requests are welcome: 0 while starting and draining, and while the store is lost.")
  static let storeUp = MetricFamily("tunnel_edge_store_up", .gauge, "Whether the store can be read and written.")
  static let storeFailures = MetricFamily(
    "tunnel_edge_store_failures_total", .counter, "What the store could not do; while it fails, a try a second.")
  static let droppedLines = MetricFamily(
    "tunnel_edge_log_lines_dropped_total", .counter, ["log"],
    "Lines that nobody took in time: of messages, access or audit.")
  static let reloadSuccess = MetricFamily(
    "tunnel_edge_config_last_reload_success", .gauge, "Whether the configuration file as it was last read is in force.")
  static let reloadTime = MetricFamily(
    "tunnel_edge_config_last_reload_success_timestamp_seconds", .gauge,
    "When the configuration in force was taken, in Unix time.")
  static let reloads = MetricFamily(
    "tunnel_edge_config_reloads_total", .counter, ["result"], "Changes of the configuration file: applied or refused.")

  static let tunnels = MetricFamily(
    "tunnel_edge_tunnels", .gauge, ["state"], "Bindings of publishers to routes: attached or detached.")
  static let tunnelBindings = MetricFamily(
    "tunnel_edge_tunnel_bindings", .gauge, ["route", "from", "state"], "The same for each route that a tunnel backs.")
  static let tunnelRequests = MetricFamily(
    "tunnel_edge_tunnel_requests", .gauge, ["route", "from"],
    "Requests under way through tunnels, WebSockets among them.")
  static let tunnelStreams = MetricFamily(
    "tunnel_edge_tunnel_streams", .gauge, ["route", "from"],
    "Open ssh channels to services; those that wait for a request among them.")
  static let tunnelsOpened = MetricFamily("tunnel_edge_tunnels_opened_total", .counter, "Forwards that were granted.")
  static let tunnelsClosed = MetricFamily(
    "tunnel_edge_tunnels_closed_total", .counter, ["reason"],
    "Bindings that ended: connection_lost, disconnected or cancelled.")
  static let forwardsRefused = MetricFamily(
    "tunnel_edge_forwards_refused_total", .counter, "Forwards that were asked for and not granted.")

  static let parkedRequests = MetricFamily(
    "tunnel_edge_parked_requests", .gauge, "Requests that wait for a lost tunnel to come back.")
  static let upstreams = MetricFamily(
    "tunnel_edge_upstreams", .gauge, ["route", "from", "health"],
    "Tunnels or addresses of routes with health_checks: healthy, unhealthy or unknown (not checked yet).")
  static let healthChecks = MetricFamily(
    "tunnel_edge_health_checks_total", .counter, ["route", "from", "result"], "Their checks: passed or failed.")

  static let requests = MetricFamily(
    "tunnel_edge_requests_total", .counter, ["route", "from", "code"],
    "Requests that are over, by class of status; none: ended without a response. The route edge stands for the edge's own pages and for hosts and paths that are not served."
  )
  static let requestSeconds = MetricFamily(
    "tunnel_edge_request_seconds_total", .counter, ["route", "from"],
    "How long these took together; by their number it is the mean.")
  static let requestBytes = MetricFamily(
    "tunnel_edge_request_bytes_total", .counter, ["route", "from"], "Bytes of their bodies from visitors.")
  static let responseBytes = MetricFamily(
    "tunnel_edge_response_bytes_total", .counter, ["route", "from"], "Bytes of their bodies to visitors.")
  static let requestDuration = MetricFamily(
    "tunnel_edge_request_duration_seconds", .histogram,
    "From the head of a request to the end of its response, over all routes; without upgraded connections.")
  static let decisions = MetricFamily(
    "tunnel_edge_decisions_total", .counter, ["result"],
    "What requests for routes were told: allowed, sign_in, denied or cross_site.")

  static let visitorLimits = MetricFamily(
    "tunnel_edge_visitor_limits_total", .counter, ["limit"],
    "Visitors who met a limit: connections, source_connections, visitor_rate, visitor_requests, route, body, head, read_time or write_time."
  )
  static let visitorConnections = MetricFamily(
    "tunnel_edge_visitor_connections", .gauge, "Open connections of visitors.")
  static let upstreamConnections = MetricFamily(
    "tunnel_edge_upstream_connections_idle", .gauge, "Connections to services that are kept for the next request.")
  static let handshakes = MetricFamily(
    "tunnel_edge_tls_handshakes_total", .counter, ["result", "version"],
    "TLS handshakes with visitors: full, resumed or failed; version is empty where none was agreed.")

  static let certificateEnd = MetricFamily(
    "tunnel_edge_certificate_expiry_timestamp_seconds", .gauge, ["certificate"],
    "When each certificate of the listener ends, in Unix time; the label is its first name.")

  static let sshConnections = MetricFamily(
    "tunnel_edge_ssh_connections", .gauge, ["state"],
    "Open ssh connections: waiting (no key proved yet), signing_in (a browser is waited for) or signed_in.")
  static let sshAdmitted = MetricFamily(
    "tunnel_edge_ssh_admitted_total", .counter, "Connections that the gate of the ssh port let in.")
  static let sshRefused = MetricFamily(
    "tunnel_edge_ssh_refused_total", .counter, ["reason"], "Connections that it turned away.")
  static let sshMisconduct = MetricFamily(
    "tunnel_edge_ssh_misconduct_total", .counter, ["kind"],
    "What counts towards ssh_per_source_penalties, by its words.")
  static let signIns = MetricFamily(
    "tunnel_edge_sign_ins_total", .counter, ["client", "result"],
    "Sign-ins that ended: of browsers approved or failed, of ssh keys approved, denied or expired.")

  static let processStart = MetricFamily(
    "process_start_time_seconds", .gauge, "When the process was started, in Unix time.")
  static let processCPU = MetricFamily(
    "process_cpu_seconds_total", .counter, "Processor time of the process, of user and system.")
  static let processResident = MetricFamily("process_resident_memory_bytes", .gauge, "Memory that is in use.")
  static let processVirtual = MetricFamily("process_virtual_memory_bytes", .gauge, "Address space that is in use.")
  static let processDescriptors = MetricFamily("process_open_fds", .gauge, "Open files and sockets.")
  static let processDescriptorLimit = MetricFamily(
    "process_max_fds", .gauge, "How many files and sockets may be open at once.")

  /// In the order of the exposition.
  static let all: [MetricFamily] = [
    buildInfo, ready, storeUp, storeFailures, droppedLines, reloadSuccess, reloadTime, reloads,
    tunnels, tunnelBindings, tunnelRequests, tunnelStreams, tunnelsOpened, tunnelsClosed, forwardsRefused,
    parkedRequests, upstreams, healthChecks,
    requests, requestSeconds, requestBytes, responseBytes, requestDuration, decisions,
    visitorLimits,
    visitorConnections, upstreamConnections, handshakes, certificateEnd,
    sshConnections, sshAdmitted, sshRefused, sshMisconduct, signIns,
    processStart, processCPU, processResident, processVirtual, processDescriptors, processDescriptorLimit,
  ]
}
