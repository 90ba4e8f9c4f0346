import EdgeCrypto
import HTTPWire
import Identity
import Policy
import Routing
import Synchronization

/// Whether a request gets in, and where to.
enum Admission {
  enum Verdict {
    case relay(RoutePlan, Grant)
    case ownPage(OwnRequest.Place)
    case signIn(OwnRequest.Place)
    /// The same for another path (`path_with_escaped_slashes_action`).
    case redirect(path: String)
    /// A signed token is shown: nobody knows yet whose it is.
    case verify(String, BearerVisit)
    case refuse(VisitorRefusal, session: Session?)
  }

  /// What a relayed request rests on. Only `decide` makes one.
  struct Grant {
    fileprivate(set) var visitor: KnownVisitor?
    /// What the visitor showed for it, where that was no cookie.
    fileprivate(set) var bearer: ShownBearer?
    /// When it ends by itself.
    fileprivate(set) var validUntil: UnixTime?
    fileprivate(set) var generation: UInt64
    fileprivate(set) var epoch: UInt64
    /// The token of an upgrade that may pass.
    fileprivate(set) var upgrade: String?
    /// Whether the service may be told who asks.
    fileprivate(set) var tellsIdentity: Bool
    /// What the service is asked for, where a pattern has rewritten the path; follows from the path that was decided on.
    fileprivate(set) var servicePath: String?
    /// Of the connection.
    fileprivate(set) var certificate: VisitorCertificate?
    /// The same where the rules for certificates accept it: what services may be told of it.
    fileprivate(set) var provenCertificate: ClientCertificate?

    /// It ends at the earliest of what it rests on (security rule 28).
    fileprivate mutating func limit(to end: UnixTime?) {
      guard let end else { return }
      validUntil = validUntil.map { min($0, end) } ?? end
    }
  }

  /// From top to bottom: host, our own paths, route, session, decision, origin.
  static func admit(
    _ head: RequestHead, serverName: String?, certificate: VisitorCertificate?, remoteAddress: String, loop: LoopState,
    verified: WorkloadAnswer? = nil
  ) -> Verdict {
    // Host. Where the handshake named one of our hosts, the request must be for the same.
    guard let authority = head.authority else { return .refuse(.badRequest("There is no Host field."), session: nil) }
    let table = loop.routes()
    let host = loop.host(authority)
    if let serverName, serverName != host.name?.text, let asked = HostName(serverName), asked != host.name,
      asked == loop.configuration.authenticateHost || table.servesHost(asked) && !host.serverNames.contains(asked)
    {
      return .refuse(.misdirected, session: nil)
    }
    guard let name = host.name, host.isServed || host.isAuthenticateHost else {
      return .refuse(.unknownHost, session: nil)
    }
    if head.method == .connect { return .refuse(.methodNotAllowed, session: nil) }
    if head.pathShape.contains(.decodesToOwn) {
      return .refuse(.badRequest("The path is a disguised form of one of the edge's own."), session: nil)
    }
    if let refusal = loop.configuration.treatment.refusal(of: head) { return .refuse(refusal, session: nil) }
    if let path = loop.configuration.treatment.redirectPath(of: head) { return .redirect(path: path) }

    // Our own paths; on the authenticate host everything.
    if host.isAuthenticateHost { return .ownPage(.authenticateHost) }
    let path = head.path
    if PathShape.isOwn(path) { return .ownPage(host.firstRoute.map { OwnRequest.Place.route($0) } ?? .unknownHost) }
    guard path.utf8.first == ByteClass.slash else {
      return .refuse(.badRequest("The request names no path."), session: nil)
    }

    // Route. Decided on the bytes that are forwarded: where paths are told apart, they must read in one way only.
    if host.hasPathRules, head.pathShape.isAmbiguous { return .refuse(ambiguousPath, session: nil) }
    let plan: RoutePlan
    if let only = host.onlyPlan {
      plan = only
    } else {
      let match = table.route(host: name, port: authority.port, path: path)
      switch match {
      case .route(let found):
        if PathReading.loose(path) != nil,
          table.route(host: name, port: authority.port, path: path, reading: { PathReading.loose($0) ?? $0 }) != match
        {
          return .refuse(ambiguousPath, session: nil)
        }
        plan = loop.plan(found)
      case .noSuchHost: return .refuse(.unknownHost, session: nil)
      case .noSuchPath: return .refuse(.noSuchPath, session: nil)
      }
    }
    if ProtectedNames.areNominated(by: head, plan: plan) {
      return .refuse(.badRequest("The Connection field names a field that is not between two hops."), session: nil)
    }

    // Session.
    let cookie = loop.cookies.find(in: head.headers)
    if cookie == .several { return .refuse(.badRequest("There are two session cookies."), session: nil) }
    var bearer: ShownBearer?
    var visitor: KnownVisitor?
    switch shown(by: head, on: plan, host: name, remoteAddress: remoteAddress, loop: loop, verified: verified) {
    case .nothing: if case .one(let value) = cookie { visitor = loop.visitor(cookie: value, host: name.text) }
    case .known(let shown, let known): (bearer, visitor) = (shown, known)
    case .other(let verdict): return verdict
    }

    if visitor != nil, loop.shared.isStoreLost.load(ordering: .relaxed) {
      guard plan.route.isPublic else { return .refuse(.storeLost, session: nil) }
      // As open as ever, and in nobody's name.
      visitor = nil
    }
    return decide(
      head, path: path, plan: plan, visitor: visitor, bearer: bearer, certificate: certificate,
      remoteAddress: remoteAddress, generation: table.generation, loop: loop)
  }

  private enum Shown {
    /// No token that is for the edge: the cookie counts.
    case nothing
    case known(ShownBearer, KnownVisitor)
    case other(Verdict)
  }

  /// Who shows a token. Where one is for the edge it counts alone: with a wrong one nobody is let in by a cookie.
  private static func shown(
    by head: RequestHead, on plan: RoutePlan, host: HostName, remoteAddress: String, loop: LoopState,
    verified: WorkloadAnswer?
  ) -> Shown {
    let shown: ShownBearer
    switch BearerReader.find(in: head.headers, takesSigned: loop.takesSignedTokens) {
    case .none: return .nothing
    case .several: return .other(.refuse(.badRequest("There are two tokens for the edge."), session: nil))
    case .unreadable:
      return .other(.refuse(.invalidToken(plan.route, "There is no token, or one that is none."), session: nil))
    case .one(let found): shown = found
    }
    let visit = BearerVisit(host: host.text, route: plan.audience, source: remoteAddress)
    let answer = loop.visitor(token: shown.token, visit)
    switch (answer, verified) {
    case (.known(let visitor), _): return .known(shown, visitor)
    case (.refused(let why), _), (.unverified, .refused(let why)?):
      return .other(.refuse(.invalidToken(plan.route, why), session: nil))
    case (.unverified, nil): return .other(.verify(shown.token, visit))
    // Verified, and gone again before this loop got to it: nobody would end what such an answer let in (security rule 28).
    case (.unverified, .admitted?): return .other(.refuse(.invalidToken(plan.route, ended), session: nil))
    case (.notOurs, _), (.unverified, .notOurs?):
      guard shown.isForEdge else { return .nothing }
      return .other(.refuse(.invalidToken(plan.route, "The token is none of this edge."), session: nil))
    }
  }

  private static func decide(
    _ head: RequestHead, path: String, plan: RoutePlan, visitor: KnownVisitor?, bearer: ShownBearer?,
    certificate: VisitorCertificate?, remoteAddress: String, generation: UInt64, loop: LoopState
  ) -> Verdict {
    let route = plan.route
    // Whoever signed in with another client of the provider is nobody here.
    let visitor = visitor?.isSignedIn(for: route) == true ? visitor : nil
    let now = loop.shared.clock()
    var grant = Grant(
      visitor: visitor, bearer: bearer, validUntil: nil, generation: generation,
      epoch: loop.shared.currentEpoch, upgrade: upgrade(of: head, plan: plan), tellsIdentity: true,
      certificate: certificate)

    // Certificate: before any question who it is, for the edge's own rule binds public routes, too.
    var shown = ShownCertificate.notAsked
    var shownUntil: UnixTime?
    if let clients = loop.configuration.tls?.clients {
      if let certificate {
        (shown, shownUntil) = certificate.judge(by: clients.verifier, at: now)
      } else {
        shown = .missing
      }
      grant.provenCertificate = shown.proven
      if loop.configuration.requiresCertificates {
        if let fault = shown.fault { return .refuse(.certificate(route, fault), session: visitor?.session) }
        grant.validUntil = shownUntil
      }
    }

    // Decision.
    if route.isPublic {
      grant.limit(to: visitor?.session.expiresAt)
    } else if isPreflight(head), route.http.allowsCORSPreflight {
      grant.tellsIdentity = false
      return relay(head, plan, grant)
    } else if let until = visitor?.allowance(route.id, generation: generation, now: now) {
      grant.limit(to: until)
    } else {
      var request = AccessRequest(
        subject: visitor?.session.subject, sourceAddress: remoteAddress, method: head.method.text, path: path,
        isCORSPreflight: isPreflight(head), certificate: shown, now: now)
      let decision = route.visitPolicy.decide(request)
      guard decision.isAllowed else {
        if let fault = decision.certificateFault {
          return .refuse(.certificate(route, fault), session: visitor?.session)
        }
        if decision.needsSignIn { return .signIn(.route(route)) }
        // For those who are signed in only: to others even the rules are no business.
        let isTold = route.http.showsErrorDetails && visitor != nil
        return .refuse(
          .forbidden(route, isTold ? route.visitPolicy.explain(request) : nil), session: visitor?.session)
      }
      if decision.dependsOnRequest {
        // What the policy says of methods must hold for any that the service may take instead.
        let others = MethodOverride.methods(in: head)
        for other in others {
          request.method = other.text
          guard route.visitPolicy.decide(request).isAllowed else {
            return .refuse(ambiguousMethod, session: visitor?.session)
          }
        }
        // What it says of paths must hold however the service reads this one.
        if head.pathShape.isAmbiguous { return .refuse(ambiguousPath, session: visitor?.session) }
        if let other = PathReading.loose(path) {
          request.path = other
          for method in [head.method] + others {
            request.method = method.text
            guard plan.looseVisitPolicy.decide(request).isAllowed else {
              return .refuse(ambiguousPath, session: visitor?.session)
            }
          }
        }
      }
      visitor?.remember(decision, route: route.id, generation: generation)
      grant.limit(to: decision.validUntil)
      if decision.dependsOnCertificate { grant.limit(to: shownUntil) }
    }

    // Origin: a cookie comes along whoever made the browser send it (security rule 18), and so does a certificate. A token is
    // sent by whoever knows it.
    if visitor != nil && bearer == nil || grant.provenCertificate != nil,
      !head.method.isSafe || grant.upgrade != nil || MethodOverride.methods(in: head).contains(where: { !$0.isSafe }),
      RequestOrigin.isForeign(head, route: route, endsTLS: loop.configuration.tls != nil)
    {
      guard route.isPublic else { return .refuse(.crossSite(route), session: visitor?.session) }
      grant.tellsIdentity = false
      grant.provenCertificate = nil
    }
    return relay(head, plan, grant)
  }

  private static func relay(_ head: RequestHead, _ plan: RoutePlan, _ grant: Grant) -> Verdict {
    var grant = grant
    switch plan.servicePath(of: head) {
    case .unchanged: break
    case .rewritten(let path): grant.servicePath = path
    case .refused: return .refuse(ambiguousPath, session: grant.visitor?.session)
    }
    return .relay(plan, grant)
  }

  /// Whether what admitted an exchange still holds; the new grant, or what to say instead.
  static func again(
    _ head: RequestHead, plan: RoutePlan, grant: Grant, remoteAddress: String, loop: LoopState
  ) -> Verdict {
    let table = loop.routes()
    guard let route = table.route(id: plan.route.id) else { return .refuse(.noSuchPath, session: nil) }
    var visitor: KnownVisitor?
    if let bearer = grant.bearer {
      let visit = BearerVisit(
        host: head.authority.flatMap { HostName($0.host)?.text } ?? "", route: route.audience, source: remoteAddress)
      guard case .known(let known) = loop.visitor(token: bearer.token, visit) else {
        return .refuse(.invalidToken(route, ended), session: nil)
      }
      visitor = known
    } else if let known = grant.visitor {
      let epoch = loop.shared.currentEpoch
      if let session = loop.shared.identity.session(id: known.session.id) {
        visitor = session == known.session ? known : KnownVisitor(session: session, epoch: epoch)
      }
      // The cookie may be refused while the session lives on ("this browser only", security rule 21).
      if visitor != nil, case .one(let cookie) = loop.cookies.find(in: head.headers), let host = head.authority?.host {
        let name = HostName(host)?.text ?? host
        if loop.visitor(cookie: cookie, host: name) == nil { visitor = nil }
      }
    }
    return decide(
      head, path: head.path, plan: loop.plan(route), visitor: visitor, bearer: grant.bearer,
      certificate: grant.certificate,
      remoteAddress: remoteAddress, generation: table.generation, loop: loop)
  }

  private static let ended = "The token has expired or was revoked."
  private static let ambiguousMethod = VisitorRefusal.badRequest(
    "The request names a second method, which the policy does not allow.")
  private static let ambiguousPath = VisitorRefusal.badRequest("The path can be read in more than one way.")

  /// A browser's question whether it may. What carries more (a body, an upgrade, another method) would slip in with it.
  private static func isPreflight(_ head: RequestHead) -> Bool {
    head.method == .options && head.headers.contains(.origin) && head.headers.contains(.accessControlRequestMethod)
      && !head.hasBody && !head.headers.contains(.upgrade) && MethodOverride.methods(in: head).isEmpty
  }

  /// The one token that may pass as an upgrade (security rule 23); whatever else is asked for is not passed on.
  private static func upgrade(of head: RequestHead, plan: RoutePlan) -> String? {
    guard head.headers.contains(.upgrade), head.version != .http10, !head.hasBody,
      head.headers.listContains(.connection, "upgrade")
    else { return nil }
    let tokens = head.headers.listElements(.upgrade)
    guard tokens.count == 1, let token = tokens.first, plan.allowsUpgrade(to: token) else { return nil }
    if token == "websocket" {
      guard head.method == .get, head.headers.count(.secWebSocketKey) == 1 else { return nil }
    }
    return token
  }
}
