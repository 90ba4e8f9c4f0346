import EdgeCrypto
import Foundation
import HTTPWire
import Identity
import Logging
import NIOCore
import NIOPosix
import Policy
import Routing
import Synchronization

@testable import HTTPProxy

/// Sessions that a test hands out and takes back.
final class TestIdentity: VisitorIdentity {
  private struct State {
    var sessions: [String: Session] = [:]
    var observers: [@Sendable (SessionChange) -> Void] = []
    var lookups = 0
    var tokens: [String: BearerAnswer] = [:]
    var workloads: [String: WorkloadAnswer] = [:]
    var forgotten: Set<String> = []
    var questions: [BearerVisit] = []
  }
  private let state = Mutex(State())

  static func session(_ id: String, expiresAt: UnixTime = UnixTime(milliseconds: .max)) -> Session {
    Session(
      id: id,
      subject: Subject(
        sessionID: id, issuer: "https://id.test", userID: "u-\(id)", email: "\(id)@example.com", emailIsTrusted: true,
        name: "Name \(id)", groups: ["dev", "ops"], claims: ["team": .string("blue"), "odd": .string("caf\u{E9}")],
        expiresAt: expiresAt),
      provider: "oidc", issuedAt: UnixTime(milliseconds: 0), expiresAt: expiresAt,
      authenticatedAt: UnixTime(milliseconds: 0), version: 1)
  }

  /// From now on the cookie `id` is a session.
  func signIn(_ id: String, expiresAt: UnixTime = UnixTime(milliseconds: .max)) {
    state.withLock { $0.sessions[id] = Self.session(id, expiresAt: expiresAt) }
  }

  func end(_ id: String) {
    let observers = state.withLock {
      $0.sessions[id] = nil
      return $0.observers
    }
    for observer in observers { observer(.ended(sessionID: id)) }
  }

  var lookups: Int { state.withLock { $0.lookups } }

  func session(cookie value: String, host: String) -> Session? {
    state.withLock {
      $0.lookups += 1
      return $0.sessions[value]
    }
  }
  /// From now on this is what is known of a token; a change is told to whoever watches the session.
  func know(_ token: String, _ answer: BearerAnswer, sessionID: String = "") {
    let observers = state.withLock {
      $0.tokens[token] = answer
      return $0.observers
    }
    for observer in observers { observer(.tokenRevoked(tokenID: "t", sessionID: sessionID)) }
  }

  /// What an issuer's keys will say of a token. `isRemembered`: false where it is revoked before anybody asks again.
  func issue(_ token: String, _ answer: WorkloadAnswer, isRemembered: Bool = true) {
    state.withLock {
      $0.workloads[token] = answer
      $0.tokens[token] = .unverified
      if !isRemembered { $0.forgotten.insert(token) }
    }
  }

  /// What was asked about tokens.
  var questions: [BearerVisit] { state.withLock { $0.questions } }

  func bearer(_ token: String, for visit: BearerVisit) -> BearerAnswer {
    state.withLock {
      $0.questions.append(visit)
      return $0.tokens[token] ?? (EdgeToken.isOurs(token) ? .refused("nobody knows it") : .notOurs)
    }
  }
  var acceptsWorkloads: Bool { state.withLock { !$0.workloads.isEmpty } }
  func admitWorkload(_ token: String, host: String, source: String) async -> WorkloadAnswer {
    state.withLock {
      let answer = $0.workloads[token] ?? .notOurs
      if case .admitted(let session) = answer, !$0.forgotten.contains(token) { $0.tokens[token] = .admitted(session) }
      return answer
    }
  }
  func session(id: String) -> Session? { state.withLock { $0.sessions[id] } }
  func signAssertion(session: Session, host: String, options: AssertionOptions) -> String? {
    "assertion.\(session.id).\(host)"
  }
  func providerTokens(sessionID: String) -> ProviderTokens? {
    ProviderTokens(accessToken: "access.\(sessionID)", idToken: nil)
  }
  func onChange(_ observer: @escaping @Sendable (SessionChange) -> Void) {
    state.withLock { $0.observers.append(observer) }
  }
}

/// Answers that only name what they are.
struct TestPages: PageSource {
  func respond(to request: OwnRequest) async -> OwnResponse {
    OwnResponse(
      status: 200, headers: HeaderList([("Content-Type", "text/plain")]),
      body: Array(
        "own \(request.method.text) \(request.host) \(request.path) \(String(decoding: request.body, as: UTF8.self))"
          .utf8))
  }
  func unauthenticated(_ request: OwnRequest) -> OwnResponse { OwnResponse(status: 401, body: Array("sign in".utf8)) }
  func refusal(_ refusal: VisitorRefusal, _ request: OwnRequest, session: Session?) -> OwnResponse {
    var text = refusal.logDetail
    if case .badRequest(let why) = refusal { text += ": \(why)" }
    if case .serviceBroke(_, let why) = refusal { text += ": \(why)" }
    return OwnResponse(status: refusal.status, body: Array(text.utf8))
  }
}

/// A front door on a free port, with one tunnel route `app.example.com` to a service of the test.
final class TestEdge: Sendable {
  static let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
  /// For visitors who must meet on a loop.
  static let oneLoop = MultiThreadedEventLoopGroup(numberOfThreads: 1)

  let proxy: HTTPProxy
  let identity = TestIdentity()
  let routes: CurrentRoutes
  let registry: TunnelRegistry
  let openStreams = OpenStreams()
  let log = TestLog()
  let port: Int
  /// Moves the edge's clock.
  let clockOffset = ClockOffset()

  final class ClockOffset: Sendable {
    private let value = Mutex<Int64>(0)
    var seconds: Int64 { value.withLock { $0 } }
    func advance(seconds: Int64) { value.withLock { $0 += seconds } }
  }

  static func route(
    _ host: String = "app.example.com", id: String = "r1", policy: AccessPolicy = .anyAuthenticatedUser,
    isPublic: Bool = false, path: PathMatch = .any, targets: [RouteTarget] = [], isTunnel: Bool = true,
    http: (inout HTTPRouteSettings) -> Void = { _ in }
  ) throws -> Route {
    var settings = HTTPRouteSettings()
    http(&settings)
    guard let pattern = HostPattern(host) else { throw ChannelError.inappropriateOperationForState }
    return Route(
      id: RouteID(id), origin: RouteOrigin(scheme: .https, host: pattern), path: path, targets: targets,
      tunnel: isTunnel ? TunnelSettings(publishPolicy: .anyAuthenticatedUser) : nil, visitPolicy: policy,
      isPublic: isPublic, http: settings)
  }

  init(
    routes list: [Route], tls: TLSServerContext? = nil, group: MultiThreadedEventLoopGroup = TestEdge.group,
    configure: (inout HTTPProxyConfiguration) -> Void = { _ in }
  ) async throws {
    let offset = clockOffset
    let clock: UnixClock = {
      UnixTime(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)).adding(seconds: offset.seconds)
    }
    let auth = HostName("auth.example.com")
    routes = CurrentRoutes(RouteTable(routes: list, generation: 1, reservedHosts: auth.map { [$0] } ?? []))
    registry = TunnelRegistry(clock: clock)
    var configuration = HTTPProxyConfiguration(address: .init(host: "127.0.0.1", port: 0), tls: tls)
    configuration.authenticateHost = auth
    configure(&configuration)
    let log = self.log
    proxy = HTTPProxy(
      configuration: configuration, routes: routes, registry: registry, openStreams: openStreams, identity: identity,
      pages: TestPages(), group: group, clock: clock, accessLog: AccessLog { log.append($0) },
      logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
    try await proxy.start()
    port = proxy.port ?? 0
    identity.signIn("alice")
    identity.signIn("bob")
  }

  /// Somebody's tunnel to a local port.
  @discardableResult
  func publish(_ route: Route, port: Int, opener: (any StreamOpener)? = nil) -> Binding? {
    let result = registry.bind(
      BindingRequest(
        routeID: route.id, name: route.origin.host, isShared: false, requestedHost: route.origin.host.description,
        requestedPort: 443, owner: TestIdentity.session("owner").subject, connectionID: "c\(port)",
        opener: opener ?? TCPStreamOpener(host: "127.0.0.1", port: port), probe: {}))
    if case .bound(let binding) = result { return binding }
    return nil
  }

  func client() async throws -> RawClient { try await RawClient(port: port) }

  func stop() async { await proxy.drain(deadline: .now()) }
}

final class TestLog: Sendable {
  private let text = Mutex("")
  func append(_ bytes: ByteBuffer) { text.withLock { $0 += String(buffer: bytes) } }
  var lines: [String] { text.withLock { $0.split(separator: "\n").map(String.init) } }
}
