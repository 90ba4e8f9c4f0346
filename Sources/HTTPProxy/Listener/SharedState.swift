import Identity
import Logging
import Policy
import Routing
import Synchronization

/// What all loops of the front door share.
final class SharedState: Sendable {
  let routes: CurrentRoutes
  let registry: TunnelRegistry
  let openStreams: OpenStreams
  let identity: any VisitorIdentity
  let pages: any PageSource
  let clock: UnixClock
  let accessLog: AccessLog
  let witness: (any VisitWitness)?
  let logger: Logger
  let upstreamTLS = UpstreamTLSContexts()
  let members = UpstreamMembers()
  /// Moves when anything about sessions changes; what was remembered under an older one counts no more.
  let epoch = Atomic<UInt64>(0)
  let connectionCount = Atomic<Int>(0)
  let isStoreLost = Atomic<Bool>(false)
  let connectionGate = ConnectionGate()
  let requestGates = RequestGates()

  var currentEpoch: UInt64 { epoch.load(ordering: .acquiring) }

  init(
    routes: CurrentRoutes, registry: TunnelRegistry, openStreams: OpenStreams, identity: any VisitorIdentity,
    pages: any PageSource, clock: @escaping UnixClock, accessLog: AccessLog, witness: (any VisitWitness)? = nil,
    logger: Logger
  ) {
    self.routes = routes
    self.registry = registry
    self.openStreams = openStreams
    self.identity = identity
    self.pages = pages
    self.clock = clock
    self.accessLog = accessLog
    self.witness = witness
    self.logger = logger
  }
}
