import HTTPWire
import Identity
import Logging
import NIOCore
import Policy
import Routing
import Synchronization

/// What one event loop of the front door works with. Everything here is used on that loop only; what the loops share is
/// behind `routes`, `registry`, `identity` and `epoch`.
final class LoopState {
  let eventLoop: any EventLoop
  let shared: SharedState
  let pool = UpstreamPool()
  let accessLog: AccessLogBuffer
  let tally = LoopTally()
  let spares = SpareBuffers()
  private(set) var configuration: HTTPProxyConfiguration
  private(set) var cookies: CookieReader
  private(set) var ownerMark: OwnerMark
  private(set) var isDraining = false
  /// The time, as of the last tick or read; good enough for timeouts.
  private(set) var now = NIODeadline.now()
  /// Nearly all places for connections are taken: those without a request make room.
  private(set) var isCrowded = false
  var requestIDs = RequestIDs()

  private var connections: [ObjectIdentifier: any LoopConnection] = [:]
  private var isTicking = false
  private var onEmpty: (() -> Void)?

  // Memory of what was looked up, bounded; forgotten when the routes or the configuration change.
  private var table: RouteTable
  private var hosts: [Authority: ServedHost] = [:]
  private var plans: [RouteID: RoutePlan] = [:]
  private var visitors: [KnownVisitor.Key: KnownVisitor] = [:]
  private var bearers: [TokenKey: KnownVisitor] = [:]
  private var verifying = 0
  private static let rememberedHosts = 1024
  private static let rememberedVisitors = 4096
  static let rememberedTokens = 1024
  static let mostVerifying = 128

  private struct TokenKey: Hashable {
    var token: String
    var visit: BearerVisit
  }

  init(eventLoop: any EventLoop, shared: SharedState, configuration: HTTPProxyConfiguration) {
    self.eventLoop = eventLoop
    self.shared = shared
    self.configuration = configuration
    cookies = CookieReader(name: configuration.cookieName)
    ownerMark = OwnerMark(cookieName: configuration.cookieName)
    accessLog = AccessLogBuffer(log: shared.accessLog, eventLoop: eventLoop)
    table = shared.routes.current()
    configurePool()
  }

  func replace(_ configuration: HTTPProxyConfiguration) {
    self.configuration = configuration
    cookies = CookieReader(name: configuration.cookieName)
    ownerMark = OwnerMark(cookieName: configuration.cookieName)
    forget()
    configurePool()
  }

  private func configurePool() {
    pool.limitPerKey = configuration.pooledPerBinding
    pool.idleTime = .milliseconds(configuration.pooledIdleTime)
    pool.mode = configuration.tunnelPool
  }

  private func forget() {
    hosts.removeAll(keepingCapacity: true)
    plans.removeAll(keepingCapacity: true)
    visitors.removeAll(keepingCapacity: true)
    bearers.removeAll()
  }

  // MARK: Lookups

  /// The routes in force. What was remembered of older ones is forgotten first.
  func routes() -> RouteTable {
    if shared.routes.generation != table.generation {
      table = shared.routes.current()
      tally.keepOnly(table)
      shared.requestGates.keepOnly(table)
      forget()
    }
    return table
  }

  /// What is known of a host under the table that `routes()` last returned.
  func host(_ authority: Authority) -> ServedHost {
    if let known = hosts[authority] { return known }
    let host = ServedHost(authority, table: table, configuration: configuration) { plan($0) }
    if hosts.count >= Self.rememberedHosts { hosts.removeAll(keepingCapacity: true) }
    hosts[authority] = host
    return host
  }

  func plan(_ route: Route) -> RoutePlan {
    if let plan = plans[route.id] { return plan }
    let plan = RoutePlan(
      route: route, configuration: configuration, tally: tally.requests(of: route.id),
      members: shared.members.members(of: route))
    plan.gate = shared.requestGates.gate(of: route)
    plans[route.id] = plan
    return plan
  }

  /// The live session of a cookie. Remembered until anything about sessions changes anywhere.
  func visitor(cookie: String, host: String) -> KnownVisitor? {
    let key = KnownVisitor.Key(cookie: cookie, host: host)
    let epoch = shared.currentEpoch
    if let known = visitors[key], known.epoch == epoch, known.session.expiresAt > shared.clock() { return known }
    guard let session = shared.identity.session(cookie: cookie, host: host) else {
      visitors[key] = nil
      return nil
    }
    let known = KnownVisitor(session: session, epoch: epoch)
    if visitors.count >= Self.rememberedVisitors { visitors.removeAll(keepingCapacity: true) }
    visitors[key] = known
    return known
  }

  enum TokenOwner {
    case known(KnownVisitor)
    case refused(String)
    case unverified
    case notOurs
  }

  /// Who shows a token; remembered as long as a cookie's session is.
  func visitor(token: String, _ visit: BearerVisit) -> TokenOwner {
    let key = TokenKey(token: token, visit: visit)
    let epoch = shared.currentEpoch
    if let known = bearers[key], known.epoch == epoch, known.session.expiresAt > shared.clock() { return .known(known) }
    bearers[key] = nil
    switch shared.identity.bearer(token, for: visit) {
    case .admitted(let session):
      let known = KnownVisitor(session: session, epoch: epoch)
      if bearers.count >= Self.rememberedTokens { bearers.removeAll() }
      bearers[key] = known
      return .known(known)
    case .refused(let why): return .refused(why)
    case .unverified: return .unverified
    case .notOurs: return .notOurs
    }
  }

  var takesSignedTokens: Bool { shared.identity.acceptsWorkloads }

  /// Requests that wait for a token to be verified; false: too many do.
  func beginVerifying() -> Bool {
    guard verifying < Self.mostVerifying else { return false }
    verifying += 1
    return true
  }

  func endVerifying() { verifying -= 1 }

  // MARK: Connections

  func add(_ connection: any LoopConnection) {
    connections[ObjectIdentifier(connection)] = connection
    startTicking()
    if isDraining { connection.drain() }
  }

  func remove(_ connection: any LoopConnection) {
    guard connections.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
    shared.connectionCount.wrappingSubtract(1, ordering: .relaxed)
    if connections.isEmpty { onEmpty?() }
  }

  /// One slow timer for all timeouts of the loop, instead of one per request.
  private func startTicking() {
    guard !isTicking else { return }
    isTicking = true
    now = .now()
    scheduleTick()
  }

  private func scheduleTick() {
    eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(configuration.tickInterval)) { self.tick() }
  }

  private func tick() {
    now = .now()
    isCrowded = shared.connectionGate.isCrowded(configuration.connections)
    for connection in Array(connections.values) { connection.tick(now) }
    pool.sweep(now)
    if connections.isEmpty && pool.count == 0 {
      isTicking = false
    } else {
      scheduleTick()
    }
  }

  // MARK: Commands from outside

  /// One pass over what is open. Where that takes long, others have their turn in between.
  func reconsider(_ review: Review) { reconsider(Array(connections.values)[...], review) }

  private func reconsider(_ connections: ArraySlice<any LoopConnection>, _ review: Review) {
    let end = NIODeadline.now() + Self.reviewTurn
    var rest = connections
    repeat {
      for connection in rest.prefix(Self.reviewStep) {
        for exchange in connection.exchanges where review.concerns(session: exchange.visitor?.sessionID) {
          exchange.reconsider()
        }
      }
      rest = rest.dropFirst(Self.reviewStep)
    } while !rest.isEmpty && NIODeadline.now() < end
    guard !rest.isEmpty else { return }
    // A task that is due at once would be run before anything is read or written.
    eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(1)) { self.reconsider(rest, review) }
  }

  private static let reviewTurn = TimeAmount.milliseconds(2)
  /// Connections between two looks at the clock.
  private static let reviewStep = 16

  func drain(onEmpty: @escaping () -> Void) {
    isDraining = true
    self.onEmpty = onEmpty
    if connections.isEmpty { onEmpty() }
    for connection in Array(connections.values) {
      connection.drain()
      for exchange in connection.exchanges { exchange.drain() }
    }
  }

  func endEverything() {
    for connection in Array(connections.values) { connection.end() }
    pool.closeAll()
    accessLog.flush()
  }
}

extension HTTPProxyConfiguration {
  /// Twice a second, or four times within the shortest timeout.
  var tickInterval: Int64 {
    let written = [readTimeout, writeTimeout, idleTimeout, upstreamTimeout, pooledIdleTime].filter { $0 > 0 }
    return max(min((written.min() ?? 2000) / 4, 500), 10)
  }

  /// How long a connection may be without a request.
  func idleTimeout(isCrowded: Bool) -> Int64 {
    guard isCrowded else { return idleTimeout }
    return idleTimeout > 0 ? min(idleTimeout, Self.crowdedIdleTime) : Self.crowdedIdleTime
  }

  /// The same while the edge is nearly full.
  static let crowdedIdleTime: Int64 = 5_000
}
