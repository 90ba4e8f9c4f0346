import Foundation
import HTTPProxy
import Policy
import Routing
import SSHServer
import TestSupport
import Testing

@testable import TunnelEdge

@Suite struct EdgeCountsTests {
  /// An edge with one of everything.
  private func counts() throws -> EdgeCounts {
    var http = HTTPCounts()
    var requests = RequestCounts()
    requests.ended(status: 200, bytesIn: 3, bytesOut: 5, nanoseconds: 1_500_000_000)
    requests.ended(status: 0, bytesIn: 0, bytesOut: 0, nanoseconds: 500_000_000)
    http.routes[RouteID("route-1")] = requests
    http.durations.add(nanoseconds: 1_500_000_000)
    http.decisions[VisitDecision.denied.rawValue] = 7
    http.handshakes[.complete(.v1_3, isResumed: true)] = 4
    var gate = GateCounts()
    gate.refused[.penalty] = 9
    gate.waiting = 2
    gate.signedIn = 3
    var health = HealthCounts()
    health.passed = 8
    for status in [MemberHealth.Status.healthy, .unhealthy, .healthy] { health.note(status) }
    return EdgeCounts(
      isReady: true, audit: AuditCounts(startedAt: UnixTime(milliseconds: 1_700_000_000_500)), http: http,
      routes: [
        (RouteID("route-1"), try origin(.https, "app.example")), (RouteID("route-2"), try origin(.https, "*.example")),
        (RouteID("route-3"), try origin(.ssh, "db.example")),
      ],
      tunnels: [RouteID("route-2"): .init(attached: 2, detached: 1, requests: 4, streams: 6)],
      certificates: [("app.example", 1_800_000_000)], health: [RouteID("route-2"): health], parked: 5, gate: gate,
      sshConnections: 6, browserSignIns: (1, 2), process: ProcessUsage.current(),
      droppedLines: LineQueue.Dropped(messages: 1, access: 2, audit: 3))
  }

  private func origin(_ scheme: RouteOrigin.Scheme, _ host: String) throws -> RouteOrigin {
    RouteOrigin(scheme: scheme, host: try #require(HostPattern(host)))
  }

  private func value(_ sample: String) throws -> String? {
    try counts().text.split(separator: "\n").first { $0.hasPrefix(sample + " ") }.map {
      String($0.dropFirst(sample.count + 1))
    }
  }

  @Test(
    arguments: [
      (#"tunnel_edge_build_info{version="\#(Version.number)"}"#, "1"),
      ("tunnel_edge_ready", "1"),
      (#"tunnel_edge_log_lines_dropped_total{log="audit"}"#, "3"),
      ("tunnel_edge_config_last_reload_success", "1"),
      ("tunnel_edge_config_last_reload_success_timestamp_seconds", "1700000000.5"),
      (#"tunnel_edge_tunnels{state="attached"}"#, "2"),
      (#"tunnel_edge_tunnel_bindings{route="route-2",from="https://*.example",state="detached"}"#, "1"),
      (#"tunnel_edge_tunnel_streams{route="route-2",from="https://*.example"}"#, "6"),
      ("tunnel_edge_parked_requests", "5"),
      (#"tunnel_edge_upstreams{route="route-2",from="https://*.example",health="healthy"}"#, "2"),
      (#"tunnel_edge_health_checks_total{route="route-2",from="https://*.example",result="passed"}"#, "8"),
      (#"tunnel_edge_health_checks_total{route="route-2",from="https://*.example",result="failed"}"#, "0"),
      (#"tunnel_edge_certificate_expiry_timestamp_seconds{certificate="app.example"}"#, "1800000000.0"),
      (#"tunnel_edge_requests_total{route="edge",from="",code="2xx"}"#, "0"),
      (#"tunnel_edge_requests_total{route="route-1",from="https://app.example",code="2xx"}"#, "1"),
      (#"tunnel_edge_requests_total{route="route-1",from="https://app.example",code="none"}"#, "1"),
      (#"tunnel_edge_requests_total{route="route-2",from="https://*.example",code="5xx"}"#, "0"),
      (#"tunnel_edge_requests_total{route="route-3",from="ssh://db.example",code="5xx"}"#, nil),
      (#"tunnel_edge_request_seconds_total{route="route-1",from="https://app.example"}"#, "2.0"),
      (#"tunnel_edge_response_bytes_total{route="route-1",from="https://app.example"}"#, "5"),
      (#"tunnel_edge_request_duration_seconds_bucket{le="1.0"}"#, "0"),
      (#"tunnel_edge_request_duration_seconds_bucket{le="2.5"}"#, "1"),
      ("tunnel_edge_request_duration_seconds_sum", "1.5"),
      (#"tunnel_edge_decisions_total{result="denied"}"#, "7"),
      (#"tunnel_edge_tls_handshakes_total{result="resumed",version="TLSv1.3"}"#, "4"),
      (#"tunnel_edge_ssh_connections{state="signing_in"}"#, "1"),
      (#"tunnel_edge_ssh_refused_total{reason="penalty"}"#, "9"),
      (#"tunnel_edge_sign_ins_total{client="browser",result="failed"}"#, "2"),
    ] as [(String, String?)])
  func whatIsCountedIsTold(_ sample: String, _ expected: String?) throws { #expect(try value(sample) == expected) }

  @Test func everyFamilyIsToldOnceAndInOrder() throws {
    let told = try counts().text.split(separator: "\n").filter { $0.hasPrefix("# TYPE ") }.map {
      $0.split(separator: " ")[2]
    }
    #expect(told.map(String.init) == MetricFamily.all.map(\.name))
  }

  @Test func noSampleIsToldTwice() throws {
    let samples = try counts().text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map {
      $0.split(separator: " ")[0]
    }
    #expect(Set(samples).count == samples.count)
  }

  /// The table in docs/operations.md names every family with its type, labels and help, and no other.
  @Test func thePageNamesEveryFamily() throws {
    let page = try Checkout.text("docs/operations.md")
    let rows = page.split(separator: "\n").filter { $0.hasPrefix("| `tunnel_edge_") || $0.hasPrefix("| `process_") }
    let expected = MetricFamily.all.map { family in
      let labels = family.labels.map { "`\($0)`" }.joined(separator: ", ")
      return "| `\(family.name)` | \(family.kind.rawValue) | \(labels) | \(family.help) |"
    }
    #expect(rows.map(String.init) == expected)
  }

  @Test func auditEventsAreCounted() {
    var counts = AuditCounts(startedAt: UnixTime(seconds: 1))
    counts.add(.configurationRefused(path: "x", errors: 2), at: UnixTime(seconds: 2))
    #expect(!counts.isConfigurationInForce && counts.configurationTakenAt == UnixTime(seconds: 1))
    counts.add(.configurationApplied(path: "x", routes: 2), at: UnixTime(seconds: 3))
    #expect(counts.isConfigurationInForce && counts.configurationTakenAt == UnixTime(seconds: 3))
    #expect(counts.configurationsApplied == 1 && counts.configurationsRefused == 1)
  }

  @Test func aProcessIsReadFromProcfs() throws {
    // A name with blanks and brackets, as prctl(2) allows.
    let line = "42 (a) S (b)) S 1 1 1 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 4 0 1000 8192 25 184467\n"
    let usage = try #require(
      ProcessUsage(
        process: line, machine: "cpu 1 2\nbtime 1700000000\nx 1\n", ticks: 100, page: 4096, openDescriptors: 7,
        descriptorLimit: 9))
    #expect(usage.cpuSeconds == 2 && usage.startTime == 1_700_000_010)
    #expect(usage.virtualMemory == 8192 && usage.residentMemory == 25 * 4096)
    #expect(
      ProcessUsage(
        process: "42 (a", machine: "", ticks: 100, page: 4096, openDescriptors: 0, descriptorLimit: 0) == nil)
    #expect(try #require(ProcessUsage.current()).openDescriptors > 2)
  }
}
