import EdgeCrypto
import HTTPProxy
import Policy
import Routing
import SSHServer
import Store

/// Everything that is counted, at one moment.
struct EdgeCounts: Sendable {
  /// What tunnels of one route are doing.
  struct RouteTunnels: Sendable {
    var attached = 0
    var detached = 0
    var requests = 0
    var streams = 0
  }

  var isReady: Bool
  var audit: AuditCounts
  var http: HTTPCounts
  /// In configuration order, each once.
  var routes: [(id: RouteID, origin: RouteOrigin)]
  /// Of each route that a tunnel backs.
  var tunnels: [RouteID: RouteTunnels]
  /// Of the listener: the first name of each, and when it ends (Unix time).
  var certificates: [(name: String, end: Int64)] = []
  /// Of each route that has health checks: its tunnels or addresses.
  var health: [RouteID: HealthCounts] = [:]
  /// Requests that wait for a lost tunnel.
  var parked = 0
  var gate: GateCounts?
  var sshConnections = 0
  var browserSignIns: (approved: UInt64, failed: UInt64) = (0, 0)
  var process: ProcessUsage?
  var store = StoreHealth()
  var droppedLines = LineQueue.Dropped()
}

/// Where the numbers come from; asked at each scrape.
struct EdgeCountSource: Sendable {
  let readiness: Readiness
  let audit: AuditLog
  let http: HTTPProxy
  let ssh: SSHServer?
  let routes: CurrentRoutes
  let registry: TunnelRegistry
  let store: any RecordStore
  let droppedLines: @Sendable () -> LineQueue.Dropped
  let browserSignIns: @Sendable () -> (approved: UInt64, failed: UInt64)

  func counts() async -> EdgeCounts {
    let table = routes.current()
    var tunnels: [RouteID: EdgeCounts.RouteTunnels] = [:]
    for route in table.routes where route.tunnel != nil { tunnels[route.id] = EdgeCounts.RouteTunnels() }
    var health = http.healthCounts
    for binding in registry.bindings() {
      if binding.state.isAttached { health[binding.routeID]?.note(binding.health.status) }
      var route = tunnels[binding.routeID] ?? EdgeCounts.RouteTunnels()
      if binding.state.isAttached { route.attached += 1 } else { route.detached += 1 }
      route.requests += binding.counters.openRequests
      route.streams += binding.counters.openStreams
      tunnels[binding.routeID] = route
    }
    var told: Set<RouteID> = []
    let routes = table.routes.filter { told.insert($0.id).inserted }.map { ($0.id, $0.origin) }
    return EdgeCounts(
      isReady: readiness.isReady, audit: audit.counts, http: await http.counts(),
      routes: routes, tunnels: tunnels,
      certificates: (http.tls?.identities ?? []).map { ($0.names.first ?? $0.leaf.subject, $0.leaf.notAfter) },
      health: health, parked: registry.parkedCount, gate: ssh?.gateCounts,
      sshConnections: ssh?.connectionCount ?? 0, browserSignIns: browserSignIns(), process: ProcessUsage.current(),
      store: store.health, droppedLines: droppedLines())
  }
}
