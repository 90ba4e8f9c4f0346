import HTTPWire
import Identity
import Routing

/// Routes that sign in with a client of their own (`idp_client_id` of a route). On the authenticate host each client has a
/// session of its own beside the edge's, in a cookie that bears its name: visiting such a route signs nobody out of the others.
/// The account, keys and programs belong to the edge's own client.
extension OwnPages {
  /// The cookie for sessions of a client, on the authenticate host.
  func sessionCookieName(of client: String?) -> String {
    client.map { clientCookiePrefix + $0 } ?? identity.cookieName
  }

  /// Whom visitors of the page must have signed in with.
  func client(ofPage url: String) -> String? {
    guard let (origin, host, target) = servedAddress(url), let name = HostName(host) else { return nil }
    let port = origin.split(separator: ":").last.flatMap { Int($0) }
    let path = String(target.prefix { $0 != "?" && $0 != "#" })
    guard case .route(let route) = routes.current().route(host: name, port: port, path: path) else { return nil }
    return route.http.signInClient
  }

  /// This browser's session of that client.
  func session(of client: String?, _ visitor: Visitor) -> Session? {
    guard let client else { return visitor.session }
    guard case .value(let cookie) = RequestCookies(visitor.request.headers)[sessionCookieName(of: client)],
      let session = identity.session(cookie: cookie, host: visitor.request.host), session.client == client
    else { return nil }
    return session
  }

  /// This browser's sessions of routes' clients.
  func clientSessions(_ request: OwnRequest) -> [Session] {
    RequestCookies(request.headers).pairs.compactMap { name, value in
      guard name.hasPrefix(clientCookiePrefix), let session = identity.session(cookie: value, host: request.host),
        name == sessionCookieName(of: session.client)
      else { return nil }
      return session
    }
  }

  /// What such a session opens, as far as it is still there.
  func hosts(of session: Session) -> [String] {
    let origins = routes.current().routes.filter { $0.http.signInClient == session.client }.map(\.origin)
    return Set(origins.map(\.host.description)).sorted()
  }

  /// Signing out is for all of them: whoever has only such a session is asked about that one.
  func forSignOut(_ visitor: Visitor) -> Visitor {
    guard visitor.session == nil else { return visitor }
    return Visitor(request: visitor.request, session: clientSessions(visitor.request).first)
  }

  /// A program gets a token of the session that its route asks for.
  func forProgram(_ visitor: Visitor) -> Visitor {
    guard case .success(let login) = programLogin(visitor) else { return visitor }
    let route = routes.current().routes.first { $0.audience == login.route }
    return visitor.of(client: route?.http.signInClient, self)
  }

  func expireClientCookies(_ request: OwnRequest, in response: inout OwnResponse) {
    for (name, _) in RequestCookies(request.headers).pairs where name.hasPrefix(clientCookiePrefix) {
      response.headers.add("Set-Cookie", EdgeCookie.expire(name))
    }
  }

  private var clientCookiePrefix: String { identity.cookieName + "_client_" }

  // MARK: Another account

  /// Whoever signed out to come back as somebody else must not be signed in again by a provider that still knows them: the next
  /// sign-in of this browser lets them choose.
  func choosesAccount(_ request: OwnRequest) -> Bool { RequestCookies(request.headers)[choiceCookie] == .value("1") }

  func rememberChoice(in response: inout OwnResponse) {
    response.headers.add("Set-Cookie", EdgeCookie.set(choiceCookie, "1", maxAge: Self.choiceLifetime))
  }

  func forgetChoice(_ request: OwnRequest, in response: inout OwnResponse) {
    if choosesAccount(request) { response.headers.add("Set-Cookie", EdgeCookie.expire(choiceCookie)) }
  }

  private var choiceCookie: String { identity.cookieName + "_choose" }
  /// In seconds; as long as a sign-in may take.
  private static let choiceLifetime: Int64 = 600
}

extension Visitor {
  /// The same browser, as far as it is signed in with that client.
  func of(client: String?, _ pages: OwnPages) -> Visitor {
    Visitor(request: request, session: pages.session(of: client, self), client: client)
  }
}
