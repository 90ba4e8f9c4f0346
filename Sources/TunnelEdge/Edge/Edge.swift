import EdgeConfig
import EdgeCrypto
import Glibc
import HTTPProxy
import Identity
import Logging
import NIOCore
import NIOPosix
import Policy
import Routing
import SSHServer
import Store
import Synchronization

/// A running edge: every part built from one configuration, and kept in step with the next ones.
package final class Edge: Sendable {
  /// Why an edge could not be started, with the exit code that tells it to programs.
  package struct Failure: Error, CustomStringConvertible {
    package enum Kind: Sendable { case configuration, unavailable, inputOutput }
    package var kind: Kind
    package var description: String
  }

  private struct State {
    var configuration: EdgeConfiguration
    var isDraining = false
  }

  /// How often certificates are looked at that may end soon.
  private static let certificateCheck: Duration = .seconds(24 * 3600)

  private let state: Mutex<State>
  /// What the doors and the store were opened with.
  private let started: EdgeConfiguration
  private let sharedSecret: [UInt8]
  private let ticketKeys = TicketKeys()
  private let logs: EdgeLogs
  private let logger: Logger
  private let identity: Identity
  private let store: SupervisedStore
  private let routes: CurrentRoutes
  private let registry: TunnelRegistry
  private let authenticator: EdgeAuthenticator
  private let pages: OwnPages
  private let readiness = Readiness()
  private let http: HTTPProxy
  private let ssh: SSHServer?
  private let metrics: MetricsListener

  /// Builds the parts and opens the doors; when this returns, both listen.
  package static func start(
    _ configuration: EdgeConfiguration, logs: EdgeLogs, group: any EventLoopGroup, inherited: InheritedSockets = .none
  ) async throws(Failure) -> Edge {
    let edge = try await Edge(configuration, logs: logs, group: group)
    try await edge.open(inherited)
    return edge
  }

  private init(_ configuration: EdgeConfiguration, logs: EdgeLogs, group: any EventLoopGroup)
    async throws(Failure)
  {
    self.logs = logs
    started = configuration
    logger = logs.logger("edge")
    let clock: UnixClock = SystemClock.now
    sharedSecret = configuration.sharedSecret?.reveal() ?? SecureRandom.bytes(32)
    if configuration.sharedSecret == nil {
      logger.warning("shared_secret is not set: a fresh one was made, so everybody is signed out at the next start")
    }
    let settings: EdgeSettings
    do {
      settings = try EdgeSettings(
        configuration, sharedSecret: sharedSecret, ticketKeys: ticketKeys, audit: logs.audit)
    } catch {
      throw Failure(kind: .configuration, description: "\(configuration.path): \(error.description)")
    }
    state = Mutex(State(configuration: configuration))
    for warning in settings.warnings(at: clock()) {
      logger.warning("configuration warning", metadata: ["problem": "\(warning)"])
    }
    do {
      let records: any RecordStore
      switch configuration.storage {
      case .memory: records = MemoryStore(clock: clock)
      case .file(let directory):
        records = try await FileStore(directory: directory, clock: clock, logger: logs.logger("store"))
      }
      let told = StoreNews(audit: logs.audit, logger: logs.logger("store"))
      store = SupervisedStore(records, clock: clock) { told.tell($0) }
      identity = try await Identity(
        settings.identity, store: store, fetcher: CurlFetcher(), clock: clock, random: SecureRandom.source,
        logger: logs.logger("identity"))
    } catch let error as StoreError {
      throw Failure(kind: .inputOutput, description: error.description)
    } catch let error as IdentityError {
      throw Failure(kind: .configuration, description: "\(error.message) \(error.diagnostics)")
    } catch {
      throw Failure(kind: .inputOutput, description: "\(error)")
    }
    routes = CurrentRoutes(
      RouteTable(routes: settings.routes, generation: 1, reservedHosts: settings.reservedHosts))
    registry = TunnelRegistry(configuration: settings.registry, clock: clock)
    identity.replace(serviceAccounts: settings.serviceAccounts)
    authenticator = EdgeAuthenticator(
      identity: identity, audit: logs.audit, hostKeyFingerprints: settings.hostKeyFingerprints,
      serviceAccounts: settings.serviceAccounts, clock: clock)
    let openStreams = OpenStreams()
    if let configuration = settings.ssh {
      ssh = SSHServer(
        configuration: configuration, authenticator: authenticator, routes: routes, registry: registry,
        openStreams: openStreams, group: group, clock: clock, logger: logs.logger("ssh"))
    } else {
      ssh = nil
    }
    pages = OwnPages(
      identity: identity, configuration: settings.pages(readiness), routes: routes, registry: registry,
      connections: ssh, clock: clock, logger: logs.logger("pages"))
    http = HTTPProxy(
      configuration: settings.http, routes: routes, registry: registry, openStreams: openStreams, identity: identity,
      pages: pages, group: group, clock: clock, accessLog: logs.access, witness: logs.audit,
      logger: logs.logger("http"))
    let source = EdgeCountSource(
      readiness: readiness, audit: logs.audit, http: http, ssh: ssh, routes: routes, registry: registry,
      store: store, droppedLines: { [logs] in logs.dropped }
    ) { [identity] in (identity.browserSignIns.approved, identity.browserSignIns.failed) }
    metrics = MetricsListener(
      group: group, logger: logs.logger("metrics"), isReady: { [readiness] in readiness.isReady },
      note: { [readiness] in readiness.note },
      metrics: { await source.counts().text })
  }

  private func open(_ inherited: InheritedSockets) async throws(Failure) {
    identity.onChange { [weak self] change in self?.follow(change) }
    identity.onEvent { [audit = logs.audit] in audit.record(.identity($0, AskingRequest.current)) }
    let configuration = configuration
    var inherited = inherited
    func take(_ door: InheritedSockets.Door, _ address: ListenAddress?) -> [NIOBSDSocket.Handle] {
      guard let address else { return [] }
      return inherited.take(door, port: address.port)
    }
    let visitors = take(.https, configuration.listener.address)
    let redirects = take(.httpRedirect, configuration.listener.redirectAddress)
    let publishers = take(.ssh, configuration.ssh?.address)
    let watchers = take(.metrics, configuration.metrics?.address)
    // Security rule 36, whoever has opened the socket.
    if let metrics = configuration.metrics, metrics.credentials == nil,
      let open = watchers.first(where: { !InheritedSockets.isLoopback($0) })
    {
      throw Failure(
        kind: .configuration,
        description: "descriptor \(open) of LISTEN_FDS, for `metrics_address`, can be reached from elsewhere: write "
          + "ListenStream=127.0.0.1:\(metrics.address.port) in its socket unit, or set `metrics_basic_auth`")
    }
    for socket in inherited.closeRest() {
      logger.warning(
        "a socket was handed over that no address of the configuration has; it was closed",
        metadata: ["socket": "\(socket)"])
    }
    do {
      try await metrics.start(configuration.metrics, inherited: watchers)
    } catch {
      throw Self.cannotListen(
        "metrics_address", configuration.metrics?.address ?? configuration.listener.address, error)
    }
    do {
      try await openDoors(configuration, visitors, redirects, publishers)
    } catch {
      await metrics.stop()
      throw error
    }
    readiness.isReady = true
  }

  private func openDoors(
    _ configuration: EdgeConfiguration, _ visitors: [NIOBSDSocket.Handle], _ redirects: [NIOBSDSocket.Handle],
    _ publishers: [NIOBSDSocket.Handle]
  ) async throws(Failure) {
    do {
      try await http.start(inherited: visitors, inheritedRedirects: redirects)
    } catch let failure as RedirectListenFailure {
      throw Self.cannotListen(
        "http_redirect_addr", configuration.listener.redirectAddress ?? configuration.listener.address, failure.cause)
    } catch {
      throw Self.cannotListen("address", configuration.listener.address, error)
    }
    if let ssh, let address = configuration.ssh?.address {
      do {
        try await ssh.start(inherited: publishers)
      } catch {
        await http.drain(deadline: .now())
        throw Self.cannotListen("ssh_address", address, error)
      }
    }
  }

  private static func cannotListen(_ key: String, _ address: ListenAddress, _ error: any Error) -> Failure {
    let code = (error as? IOError)?.errnoCode
    let advice =
      switch code {
      case EADDRINUSE: "; another program listens there: stop it, or choose another port"
      case EACCES: "; ports below 1024 need CAP_NET_BIND_SERVICE"
      case EADDRNOTAVAIL: "; this machine does not have that address"
      default: ""
      }
    return Failure(
      kind: .unavailable,
      description: "cannot listen on \(address) (`\(key)`): \(code.map(errorText) ?? "\(error)")\(advice)")
  }

  /// What ends or changes a session re-decides the tunnels that rested on it; the front door follows Identity itself.
  private func follow(_ change: SessionChange) {
    switch change {
    case .ended(let sessionID):
      ssh?.reconsider(.session(sessionID))
      registry.reviewLeases(endedSession: sessionID)
    case .changed(let sessionID):
      ssh?.reconsider(.session(sessionID))
    case .browserEnded, .tokenRevoked: break
    case .bindingRevoked(let fingerprint, let sessionID):
      ssh?.reconsider(.key(fingerprint))
      registry.reviewLeases(endedSession: sessionID)
    }
  }

  /// Swaps the configuration of a running edge. Nothing changes where this throws.
  package func apply(_ configuration: EdgeConfiguration) async throws(Failure) {
    let settings: EdgeSettings
    do {
      settings = try EdgeSettings(
        configuration, sharedSecret: secret(of: configuration), ticketKeys: ticketKeys, audit: logs.audit)
    } catch {
      throw Failure(kind: .configuration, description: "\(configuration.path): \(error.description)")
    }
    for warning in settings.warnings(at: SystemClock.now()) {
      logger.warning("configuration warning", metadata: ["problem": "\(warning)"])
    }
    let old = state.withLock { state in
      defer { state.configuration = configuration }
      return state.configuration
    }
    let changed = Self.keysThatNeedRestart(from: old, to: configuration)
    // One that is changed back says what is in force.
    for key in Self.keysThatNeedRestart(from: started, to: configuration) where changed.contains(key) {
      logger.warning("this change takes effect at the next start", metadata: ["key": "\(key)"])
    }
    logs.level = configuration.logs.level.logging
    routes.replace(settings.routes, reservedHosts: settings.reservedHosts)
    registry.configure(settings.registry)
    authenticator.replace(
      hostKeyFingerprints: settings.hostKeyFingerprints, serviceAccounts: settings.serviceAccounts)
    identity.replace(serviceAccounts: settings.serviceAccounts)
    pages.replace(settings.pages(readiness))
    http.replace(settings.http)
    if let new = settings.ssh { ssh?.replace(configuration: new) }
    http.reconsider(.everything)
    ssh?.reconsider(.everything)
    registry.reviewLeases()
    // Last, because it may wait for the store; decisions above do not depend on it.
    do {
      try await identity.replace(settings.identity)
    } catch {
      logger.error(
        "sign-in settings not applied", metadata: ["problem": "\(error.message)", "detail": "\(error.diagnostics)"])
    }
    // Not of this change: another one may have come while the store was waited for.
    await metrics.follow(self.configuration.metrics)
    logs.audit.record(.configurationApplied(path: configuration.path, routes: settings.routes.count))
    logger.info("configuration applied", metadata: ["routes": "\(settings.routes.count)"])
  }

  package var configuration: EdgeConfiguration { state.withLock { $0.configuration } }

  /// Housekeeping that needs a clock: expired sessions and codes, what the audit log left out. Runs until cancelled.
  package func keepHouse() async {
    var nextCheck = ContinuousClock.now + Self.certificateCheck
    while !Task.isCancelled {
      await identity.sweep()
      logs.audit.sweep()
      if ContinuousClock.now > nextCheck {
        nextCheck = ContinuousClock.now + Self.certificateCheck
        warnOfCertificates()
      }
      try? await Task.sleep(for: .seconds(1))
    }
  }

  /// Looks after the store, until cancelled. Beside the other housekeeping, which must not wait for a disk.
  package func watchStore() async {
    let following = Task { [identity] in await identity.followStore() }
    let polling = Task {
      while !Task.isCancelled {
        // What is wrong is told by the store itself.
        try? await store.poll(writes: false)
        followStanding()
        try? await Task.sleep(for: .seconds(1))
      }
    }
    defer {
      following.cancel()
      polling.cancel()
    }
    while !Task.isCancelled {
      // Not after the poll, which a disk that has gone away never answers.
      store.watch()
      followStanding()
      try? await Task.sleep(for: .milliseconds(1000 / SupervisedStore.looksPerSecond))
    }
  }

  private func followStanding() {
    let standing = store.standing
    http.setStoreLost(standing == .lost)
    authenticator.setStoreLost(standing == .lost)
    readiness.storeStanding = standing
  }

  private func warnOfCertificates() {
    guard let context = http.tls else { return }
    for warning in ListenerTLS.warnings(context, at: SystemClock.now()) {
      logger.warning("certificate warning", metadata: ["problem": "\(warning)"])
    }
  }

  /// Asks the provider for its description, so that a wrong issuer is told at the start and not by the first visitor.
  package func checkProvider() async {
    if let error = await identity.checkProvider() {
      logger.warning(
        "the identity provider does not answer as configured; sign-ins will fail until it does",
        metadata: ["problem": "\(error.message)", "detail": "\(error.diagnostics)"])
    }
  }

  /// Stops accepting, lets requests finish, tells ssh clients why, and ends by the deadline.
  package func drain() async {
    let timeout = configuration.shutdownTimeout
    let deadline = NIODeadline.now() + .milliseconds(timeout)
    readiness.isReady = false
    logger.notice("draining", metadata: ["timeout-ms": "\(timeout)"])
    async let visitors: Void = http.drain(deadline: deadline)
    async let publishers: Void? = ssh?.drain(deadline: deadline)
    _ = await (visitors, publishers)
    await metrics.stop()
    await store.close()
  }

  private func secret(of configuration: EdgeConfiguration) -> [UInt8] {
    configuration.sharedSecret?.reveal() ?? sharedSecret
  }

  private static func keysThatNeedRestart(from old: EdgeConfiguration, to new: EdgeConfiguration) -> [String] {
    var keys: [String] = []
    if old.listener.address != new.listener.address { keys.append("address") }
    if old.listener.redirectAddress != new.listener.redirectAddress { keys.append("http_redirect_addr") }
    if old.listener.isInsecure != new.listener.isInsecure { keys.append("insecure_server") }
    if old.ssh?.address != new.ssh?.address { keys.append("ssh_address") }
    if old.storage != new.storage { keys.append("databroker_storage_type") }
    if old.logs.accessLogFile != new.logs.accessLogFile { keys.append("access_log_file") }
    if old.logs.auditLogFile != new.logs.auditLogFile { keys.append("audit_log_file") }
    return keys
  }
}
