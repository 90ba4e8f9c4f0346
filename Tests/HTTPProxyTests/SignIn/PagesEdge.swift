import EdgeCrypto
import HTTPProxy
import HTTPWire
import Identity
import Logging
import Policy
import Routing
import Store
import Synchronization
import TestSupport

/// The pages of an edge with tunnel routes, one of which depends on others; with a real Identity.
struct PagesEdge {
  let identity: Identity
  let pages: OwnPages
  let provider: PagesProvider
  let registry: TunnelRegistry
  let clock: TestClock
  let connections = PagesConnections()

  static let authenticate = "auth.localhost"
  static let origin = "https://auth.localhost:8443"

  static let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

  init(check: SSHSignInCheck = .page, logger: Logger = quiet) async throws {
    let clock = TestClock()
    self.clock = clock
    let now = clock.source
    provider = try PagesProvider(clock: now)
    var configuration = IdentityConfiguration(
      authenticateURL: Self.origin, sharedSecret: [UInt8](repeating: 7, count: 32),
      provider: ProviderConfiguration(
        name: "oidc", issuer: PagesProvider.issuer, clientID: "pomerium", clientSecret: "secret"))
    configuration.sshSignInCheck = check
    configuration.routeClients = [Self.routeClient]
    identity = try await Identity(
      configuration, store: MemoryStore(clock: now), fetcher: provider, clock: now, random: SecureRandom.source,
      logger: logger)
    registry = TunnelRegistry(configuration: TunnelRegistryConfiguration(), clock: now)
    pages = OwnPages(
      identity: identity,
      configuration: OwnPagesConfiguration(
        knownHosts: ["[auth.localhost]:2222 ssh-ed25519 AAAA"], hostKeyFingerprints: ["ED25519 SHA256:edge"]),
      routes: CurrentRoutes(
        RouteTable(routes: Self.hosts.map { Self.route($0) }, generation: 1)),
      registry: registry, connections: connections, clock: now, logger: logger)
  }

  static let hosts = ["app.localhost", "other.localhost", "third.localhost", "suite.localhost", "client.localhost"]

  static func route(_ host: String) -> Route {
    var route = Route(
      id: RouteID(host),
      origin: RouteOrigin(scheme: .https, host: HostPattern(host) ?? HostPattern(fallback), port: 8443),
      tunnel: TunnelSettings(publishPolicy: .denyAll), visitPolicy: .denyAll,
      dependsOn: host == "suite.localhost"
        ? ["other.localhost", "gone.localhost", "client.localhost", "third.localhost:8443", "suite.localhost"] : [])
    if host == "client.localhost" { route.http.signInClient = routeClient.fingerprint }
    return route
  }

  /// What `client.localhost` signs in with.
  static let routeClient = ProviderConfiguration(
    name: "oidc", issuer: PagesProvider.issuer, clientID: "second", clientSecret: "secret")
  private static let fallback = HostName("app.localhost").unsafelyUnwrapped
}

/// The ssh connections that people have, as far as pages know.
final class PagesConnections: LiveConnections {
  private let state = Mutex<(open: [(person: Subject, connection: LiveConnection)], ended: [String])>(([], []))

  var ended: [String] { state.withLock { $0.ended } }

  func open(_ id: String, of session: Session, shells: Int = 0) {
    let connection = LiveConnection(
      id: id, sessionID: session.id, keyFingerprint: "SHA256:\(id)", sourceAddress: "203.0.113.5",
      clientVersion: "SSH-2.0-OpenSSH_9.2", since: session.issuedAt, shells: shells)
    state.withLock { $0.open.append((session.subject, connection)) }
  }

  func connections(of person: Subject) async -> [LiveConnection] {
    state.withLock { $0.open.filter { $0.person.isSamePerson(as: person) }.map(\.connection) }
  }

  func end(connection id: String, of person: Subject) async -> Bool {
    state.withLock { state in
      let before = state.open.count
      state.open.removeAll { $0.connection.id == id && $0.person.isSamePerson(as: person) }
      guard state.open.count < before else { return false }
      state.ended.append(id)
      return true
    }
  }
}

/// A browser: a cookie jar per host, and the headers that browsers send.
final class PagesBrowser {
  let edge: PagesEdge
  private var jars: [String: [(String, String)]] = [:]
  var address = "127.0.0.1"
  var agent = ""

  init(_ edge: PagesEdge) { self.edge = edge }

  func cookie(_ name: String, on host: String) -> String? { jars[host]?.first { $0.0 == name }?.1 }
  func setCookie(_ name: String, _ value: String, on host: String) { store("\(name)=\(value)", on: host) }
  func forget(_ prefix: String, on host: String) { jars[host]?.removeAll { $0.0.hasPrefix(prefix) } }
  func cookieNames(on host: String) -> [String] { jars[host]?.map(\.0) ?? [] }

  func get(_ url: String, headers: [(String, String)] = [], html: Bool = true) async -> OwnResponse {
    await send(request(.get, url, headers: headers, html: html))
  }

  /// A form of one of our own pages, unless the caller says otherwise.
  func post(
    _ url: String, _ fields: [(String, String)], origin: String? = PagesEdge.origin, headers: [(String, String)] = []
  ) async -> OwnResponse {
    var all = headers + [("content-type", "application/x-www-form-urlencoded")]
    if let origin { all.append(("origin", origin)) }
    var request = request(.post, url, headers: all)
    request.body = Array(QueryString.encode(fields).utf8)
    return await send(request)
  }

  /// `url` is absolute, or a path on the authenticate host.
  func request(_ method: RequestMethod, _ url: String, headers: [(String, String)] = [], html: Bool = true)
    -> OwnRequest
  {
    let absolute = url.hasPrefix("/") ? PagesEdge.origin + url : url
    let rest = absolute.dropFirst("https://".count)
    let authority = rest.prefix { $0 != "/" }
    let target = rest.dropFirst(authority.count)
    let parts = authority.split(separator: ":")
    let host = parts.first.map(String.init) ?? ""
    let path = target.prefix { $0 != "?" }
    var list = HeaderList(headers)
    if !agent.isEmpty { list.add("User-Agent", agent) }
    if html, !list.contains("accept") { list.add("Accept", "text/html,application/xhtml+xml,*/*;q=0.8") }
    if let jar = jars[host], !jar.isEmpty { list.add("Cookie", jar.map { "\($0.0)=\($0.1)" }.joined(separator: "; ")) }
    return OwnRequest(
      method: method, host: host, port: parts.count > 1 ? Int(parts[1]) : nil, path: String(path),
      query: target.count > path.count ? String(target.dropFirst(path.count + 1)) : nil, headers: list,
      remoteAddress: address, requestID: "request-1",
      place: host == PagesEdge.authenticate
        ? .authenticateHost
        : PagesEdge.hosts.contains(host) ? .route(PagesEdge.route(host)) : .unknownHost)
  }

  func send(_ request: OwnRequest) async -> OwnResponse {
    let response = await edge.pages.respond(to: request)
    keep(response, from: request.host)
    return response
  }

  func keep(_ response: OwnResponse, from host: String) {
    for line in response.headers.values("set-cookie") { store(line, on: host) }
  }

  private func store(_ line: String, on host: String) {
    let pair = line.split(separator: ";")[0].split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(pair[0])
    jars[host, default: []].removeAll { $0.0 == name }
    if !line.contains("Max-Age=0") { jars[host, default: []].append((name, String(pair[1]))) }
  }

  // MARK: Whole ways

  /// Through the provider: what the callback answers.
  func passProvider(_ redirect: OwnResponse, as email: String) async -> OwnResponse {
    let query = QueryString.parse(redirect.location.split(separator: "?", maxSplits: 1).last.map(String.init) ?? "")
    let state = query.first { $0.0 == "state" }?.1 ?? ""
    edge.provider.signsIn(
      email, nonce: query.first { $0.0 == "nonce" }?.1 ?? "",
      client: query.first { $0.0 == "client_id" }?.1 ?? "")
    return await get("/oauth2/callback?code=c0de&state=\(QueryString.percentEncode(state))")
  }

  /// Signs in on the authenticate host.
  func signIn(as email: String = "alice@example.com") async -> Session? {
    _ = await passProvider(await get("/.pomerium/"), as: email)
    return session
  }

  var session: Session? {
    cookie(edge.identity.cookieName, on: PagesEdge.authenticate).flatMap {
      edge.identity.session(cookie: $0, host: PagesEdge.authenticate)
    }
  }
}

extension OwnResponse {
  var text: String { String(decoding: body, as: UTF8.self) }
  var location: String { headers.first("location") ?? "" }

  /// The value of a hidden field of the page's form.
  func field(_ name: String) -> String? {
    guard let start = text.firstRange(of: "name=\"\(name)\" value=\"")?.upperBound else { return nil }
    return String(text[start...].prefix { $0 != "\"" })
  }
}
