import EdgeCrypto
import HTTPWire
import Identity
import Logging
import Policy
import Routing
import Synchronization

/// Every page and answer of the edge itself: sign-in, the verify page, keys, sign-out, refusals, and what programs ask under
/// `/.well-known/pomerium`. On a publisher's host it shows no session data and changes none (security rule 15).
package final class OwnPages: Sendable {
  let identity: Identity
  let routes: CurrentRoutes
  let registry: TunnelRegistry
  /// Absent where no ssh port is open.
  let connections: (any LiveConnections)?
  let clock: UnixClock
  let logger: Logger
  private let current: Mutex<OwnPagesConfiguration>

  package init(
    identity: Identity, configuration: OwnPagesConfiguration, routes: CurrentRoutes, registry: TunnelRegistry,
    connections: (any LiveConnections)? = nil, clock: @escaping UnixClock, logger: Logger
  ) {
    self.identity = identity
    self.routes = routes
    self.registry = registry
    self.connections = connections
    self.clock = clock
    self.logger = logger
    current = Mutex(configuration)
  }

  /// The configuration after a reload.
  package func replace(_ configuration: OwnPagesConfiguration) { current.withLock { $0 = configuration } }

  var configuration: OwnPagesConfiguration { current.withLock { $0 } }
}

extension OwnPages: PageSource {
  /// `/.pomerium/…` and `/.well-known/pomerium…` on every host; on the authenticate host everything.
  package func respond(to request: OwnRequest) async -> OwnResponse {
    let asking = AskingRequest(address: request.remoteAddress, requestID: request.requestID)
    return await AskingRequest.$current.withValue(asking) {
      switch request.place {
      case .authenticateHost: await respondOnAuthenticateHost(request)
      case .route: await respondOnRouteHost(request)
      case .unknownHost: refusal(.unknownHost, request, session: nil)
      }
    }
  }
}

/// What our pages say that only the configuration knows.
package struct OwnPagesConfiguration: Sendable {
  /// The lines of `/.well-known/pomerium/ssh_known_hosts`, ready to append to a `known_hosts` file.
  package var knownHosts: [String]
  /// `ED25519 SHA256:…`, as ssh shows them.
  package var hostKeyFingerprints: [String]
  /// Whom a visitor who is refused may ask; absent: "whoever looks after this edge".
  package var administrator: String?
  /// What people see instead of our pages about refusals, where their route has none of its own.
  package var errorPages: ErrorPages
  /// Where people go who have signed out, instead of staying on our page; an absolute URL.
  package var signedOutURL: String?
  /// `/readyz`: whether requests are welcome.
  package var isReady: @Sendable () -> Bool
  /// What `/readyz` adds.
  package var readinessNote: @Sendable () -> String = { "" }

  package init(
    knownHosts: [String] = [], hostKeyFingerprints: [String] = [], administrator: String? = nil,
    errorPages: ErrorPages = ErrorPages(), signedOutURL: String? = nil,
    isReady: @escaping @Sendable () -> Bool = { true }
  ) {
    self.knownHosts = knownHosts
    self.hostKeyFingerprints = hostKeyFingerprints
    self.administrator = administrator
    self.errorPages = errorPages
    self.signedOutURL = signedOutURL
    self.isReady = isReady
  }
}
