import EdgeCrypto
import HTTPProxy
import Policy
import Routing
import SSHServer
import Store

extension EdgeCounts {
  /// As Prometheus reads it. What can happen is there with 0 from the start, so that its first increase is seen.
  var text: String {
    var text = ExpositionText()
    text.write(.buildInfo, [([Version.number], .whole(1))])
    text.write(.ready, .whole(isReady ? 1 : 0))
    text.write(.storeUp, .whole(store.failingSince == nil ? 1 : 0))
    text.write(.storeFailures, .whole(store.failures))
    text.write(
      .droppedLines,
      [
        (["messages"], .whole(droppedLines.messages)), (["access"], .whole(droppedLines.access)),
        (["audit"], .whole(droppedLines.audit)),
      ])
    writeConfiguration(&text)
    writeTunnels(&text)
    writeRequests(&text)
    writeConnections(&text)
    writeSSH(&text)
    text.write(
      .signIns,
      [
        (["browser", "approved"], .whole(browserSignIns.approved)),
        (["browser", "failed"], .whole(browserSignIns.failed)),
        (["ssh", "approved"], .whole(audit.signInsApproved)), (["ssh", "denied"], .whole(audit.signInsDenied)),
        (["ssh", "expired"], .whole(audit.signInsExpired)),
      ])
    process?.write(&text)
    return text.text
  }

  private func writeConfiguration(_ text: inout ExpositionText) {
    text.write(.reloadSuccess, .whole(audit.isConfigurationInForce ? 1 : 0))
    text.write(.reloadTime, .real(Double(audit.configurationTakenAt.milliseconds) / 1000))
    text.write(
      .reloads,
      [(["applied"], .whole(audit.configurationsApplied)), (["refused"], .whole(audit.configurationsRefused))])
  }

  private func writeTunnels(_ text: inout ExpositionText) {
    let sums = tunnels.values.reduce(into: (attached: 0, detached: 0)) {
      $0.attached += $1.attached
      $0.detached += $1.detached
    }
    text.write(.tunnels, [(["attached"], .whole(sums.attached)), (["detached"], .whole(sums.detached))])
    let backed = routes.compactMap { route in
      tunnels[route.id].map { (labels: [route.id.rawValue, route.origin.url], $0) }
    }
    text.write(
      .tunnelBindings,
      backed.flatMap { labels, route in
        [(labels + ["attached"], .whole(route.attached)), (labels + ["detached"], .whole(route.detached))]
      })
    text.write(.tunnelRequests, backed.map { ($0, .whole($1.requests)) })
    text.write(.tunnelStreams, backed.map { ($0, .whole($1.streams)) })
    text.write(.tunnelsOpened, .whole(audit.tunnelsOpened))
    text.write(
      .tunnelsClosed, AuditCounts.releases.map { ([$0.name], .whole(audit.tunnelsClosed[$0.release] ?? 0)) })
    text.write(.forwardsRefused, .whole(audit.forwardsRefused))
    text.write(.parkedRequests, .whole(parked))
    writeHealth(&text)
  }

  private func writeHealth(_ text: inout ExpositionText) {
    let checked = routes.compactMap { route in
      health[route.id].map { (labels: [route.id.rawValue, route.origin.url], $0) }
    }
    text.write(
      .upstreams,
      checked.flatMap { labels, health in
        [
          (labels + ["healthy"], .whole(health.healthy)), (labels + ["unhealthy"], .whole(health.unhealthy)),
          (labels + ["unknown"], .whole(health.unknown)),
        ]
      })
    text.write(
      .healthChecks,
      checked.flatMap { labels, health in
        [(labels + ["passed"], .whole(health.passed)), (labels + ["failed"], .whole(health.failed))]
      })
  }

  private func writeRequests(_ text: inout ExpositionText) {
    let counted =
      [(labels: ["edge", ""], http.own)]
      + routes.filter { $0.origin.scheme.isWeb }.map { route in
        (labels: [route.id.rawValue, route.origin.url], http.routes[route.id] ?? RequestCounts())
      }
    let classes = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"]
    text.write(
      .requests,
      counted.flatMap { labels, requests in
        // Informational answers and missing ones are rare: they appear when they happen.
        classes.indices.filter { $0 > 1 || requests.byClass[$0] > 0 }.map {
          (labels + [classes[$0]], .whole(requests.byClass[$0]))
        }
      })
    text.write(.requestSeconds, counted.map { ($0, .real(Double($1.nanoseconds) / 1e9)) })
    text.write(.requestBytes, counted.map { ($0, .whole($1.requestBytes)) })
    text.write(.responseBytes, counted.map { ($0, .whole($1.responseBytes)) })
    text.writeHistogram(
      .requestDuration, bounds: DurationHistogram.bounds.map { Double($0) / 1000 }, counts: http.durations.counts,
      sum: Double(http.durations.nanoseconds) / 1e9)
    let decisions: [(VisitDecision, String)] = [
      (.allowed, "allowed"), (.signIn, "sign_in"), (.denied, "denied"), (.crossSite, "cross_site"),
    ]
    text.write(.decisions, decisions.map { ([$1], .whole(http.decisions[$0.rawValue])) })
  }

  private func writeConnections(_ text: inout ExpositionText) {
    text.write(.visitorLimits, VisitorLimit.allCases.map { ([$0.label], .whole(http.limits[$0.rawValue])) })
    text.write(.visitorConnections, .whole(http.connections))
    text.write(.upstreamConnections, .whole(http.idleUpstreams))
    func count(_ result: HandshakeResult) -> ExpositionText.Number { .whole(http.handshakes[result] ?? 0) }
    var handshakes: [ExpositionText.Sample] = [(["failed", ""], count(.failed))]
    for (version, name) in [(TLSVersion.v1_2, "TLSv1.2"), (.v1_3, "TLSv1.3")] {
      handshakes.append((["full", name], count(.complete(version, isResumed: false))))
      handshakes.append((["resumed", name], count(.complete(version, isResumed: true))))
    }
    text.write(.handshakes, handshakes)
    // A pair for one name is one line: the one that ends first.
    let ends = Dictionary(certificates.map { ($0.name, $0.end) }, uniquingKeysWith: min)
    text.write(.certificateEnd, ends.sorted { $0.key < $1.key }.map { ([$0.key], .real(Double($0.value))) })
  }

  private func writeSSH(_ text: inout ExpositionText) {
    guard let gate else { return }
    text.write(
      .sshConnections,
      [
        (["waiting"], .whole(gate.waiting)),
        // Both numbers move while they are read.
        (["signing_in"], .whole(max(sshConnections - gate.waiting - gate.signedIn, 0))),
        (["signed_in"], .whole(gate.signedIn)),
      ])
    text.write(.sshAdmitted, .whole(gate.admitted))
    text.write(.sshRefused, GateRefusal.allCases.map { ([$0.label], .whole(gate.refused[$0] ?? 0)) })
    text.write(.sshMisconduct, Misconduct.allCases.map { ([$0.rawValue], .whole(gate.misconduct[$0] ?? 0)) })
  }
}

extension VisitorLimit {
  fileprivate var label: String {
    switch self {
    case .connections: "connections"
    case .sourceConnections: "source_connections"
    case .visitorRate: "visitor_rate"
    case .visitorRequests: "visitor_requests"
    case .route: "route"
    case .body: "body"
    case .head: "head"
    case .readTime: "read_time"
    case .writeTime: "write_time"
    }
  }
}

extension GateRefusal {
  fileprivate var label: String {
    switch self {
    case .startups: "max_startups"
    case .sourceStartups: "per_source_max_startups"
    case .penalty: "penalty"
    case .proxyHeader: "no_proxy_header"
    case .madeRoom: "made_room"
    case .cryptography: "key_exchanges"
    case .person: "max_connections_per_user"
    }
  }
}
